import { describe, expect, it } from '@jest/globals';
import {
  apiError,
  isOutage,
  network,
  noAnswer,
  noApi,
  readAnswer,
  storageError,
  UploadError,
} from '../../../packages/client/src/errors.ts';

const base = 'https://api.example.com';

describe('a refusal of the API', () => {
  it('is what its problem document says', () => {
    const problem = { code: 'rate_limited', detail: 'too fast', userMessage: 'Wait.', retryable: true };

    expect(apiError({ status: 429, text: JSON.stringify(problem), retryAfterMs: 7 }, base)).toMatchObject({
      ...problem,
      status: 429,
      retryAfterMs: 7,
      message: 'too fast',
    });
  });

  it.each([404, 405])('says that there is no API where %i is no problem document', (status) => {
    expect(apiError({ status, text: '' }, base)).toMatchObject({
      code: 'invalid_api_url',
      status,
      detail: `There is no upload API at ${base}`,
    });
  });

  it.each([
    [400, 'http_400', false],
    [401, 'unauthorized', false],
    [403, 'forbidden', false],
    [408, 'http_408', true],
    [413, 'request_too_large', false],
    [429, 'rate_limited', true],
    [499, 'http_499', false],
    [500, 'unavailable', true],
    [503, 'unavailable', true],
  ])('with status %i has the code %s', (status, code, retryable) => {
    expect(apiError({ status, text: '' }, base)).toMatchObject({
      status,
      code,
      retryable,
      detail: `The API answered ${status}`,
    });
    expect(apiError({ status, text: '{"message":"words"}' }, base).detail).toBe('words');
  });
});

describe('a refusal of storage', () => {
  const xml = (code: string) => `<Error><Code>${code}</Code><Message>words</Message></Error>`;

  it.each([200, 299, 412])('is none with status %i', (status) => {
    expect(storageError({ status, text: '' })).toBeUndefined();
  });

  it.each([
    [400, 'ExpiredToken', 'url_expired', true],
    [404, 'NoSuchUpload', 'url_expired', true],
    [403, 'AccessDenied', 'url_refused', true],
    [403, 'SignatureDoesNotMatch', 'url_altered', false],
    [400, 'BadDigest', 'checksum_mismatch', false],
    [400, 'XAmzContentSHA256Mismatch', 'checksum_mismatch', false],
    [400, 'EntityTooLarge', 'size_mismatch', false],
    [400, 'RequestTimeout', 'storage_refused', true],
    [400, 'IncompleteBody', 'storage_refused', true],
    [409, 'ConditionalRequestConflict', 'storage_refused', true],
    [503, 'SlowDown', 'storage_refused', true],
    [400, 'InvalidRequest', 'storage_refused', false],
  ])('with status %i and %s has the code %s', (status, name, code, retryable) => {
    expect(storageError({ status, text: xml(name) })).toMatchObject({
      status,
      code,
      retryable,
      detail: `Storage answered ${status} ${name}: words`,
    });
  });

  it('names nothing where storage did not', () => {
    expect(storageError({ status: 300, text: '', retryAfterMs: 7 })).toMatchObject({
      code: 'storage_refused',
      detail: 'Storage answered 300',
      retryAfterMs: 7,
    });
  });
});

describe('an outage', () => {
  it.each([
    [0, true],
    [408, true],
    [429, true],
    [499, false],
    [500, true],
    [400, false],
  ])('is status %i: %s', (status, expected) => {
    expect(isOutage(status)).toBe(expected);
  });
});

describe('an error', () => {
  it('has nothing that was not given', () => {
    const cause = new Error('first');

    expect(new UploadError({ code: 'c', detail: 'd' }, cause)).toMatchObject({
      status: 0,
      retryable: false,
      errors: [],
      message: 'd',
      cause,
    });
    expect(noApi(base).status).toBe(0);
    expect(network('storage', cause)).toMatchObject({
      code: 'network',
      retryable: true,
      detail: 'No answer from storage',
      cause,
    });
  });
});

describe('an answer', () => {
  it.each([
    ['7', 7000],
    ['0', 0],
    ['-0.001', undefined],
    ['-1', undefined],
    ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
    [null, undefined],
  ])('asks to wait where Retry-After is %j', async (value, retryAfterMs) => {
    const headers: Record<string, string> = { etag: '"1"', ...(value !== null && { 'retry-after': value }) };

    expect(await readAnswer(new Response('words', { status: 201, headers }))).toEqual({
      status: 201,
      text: 'words',
      retryAfterMs,
      etag: '"1"',
    });
  });
});

describe('a request without an answer', () => {
  const request = { method: 'GET', url: base, headers: { authorization: 'Bearer 密' } };
  const explain = (signal: AbortSignal) =>
    noAnswer({ target: base, cause: new Error('gone'), request, signal, fetch: globalThis.fetch });

  it('is explained', async () => {
    expect(await explain(new AbortController().signal)).toMatchObject({ code: 'invalid_request' });
  });

  it('is not explained once it was aborted', async () => {
    expect(await explain(AbortSignal.abort())).toMatchObject({ code: 'network', retryable: true });
  });
});
