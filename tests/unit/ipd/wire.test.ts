import { describe, expect, it } from '@jest/globals';
import { describeFailure, exchange, isUnconnected, readText } from '../../../lib/ipd/wire.ts';
import type { WireRequest } from '../../../lib/ipd/wire.ts';
import { MIB } from '../../../lib/domain/units.ts';

const failure = (about: object, message = 'words'): Error => Object.assign(new Error(message), about);

describe('a failure before a connection', () => {
  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])(
    'has sent nothing: %s',
    (code) => {
      expect(isUnconnected(failure({ code }))).toBe(true);
      expect(isUnconnected({ code })).toBe(true);
    },
  );

  it('has sent nothing where the certificate is refused', () => {
    expect(isUnconnected(failure({ name: 'CertificateRefused' }))).toBe(true);
  });

  it.each([
    failure({ code: 'ECONNRESET' }),
    failure({ code: 7 }),
    failure({}),
    { name: 'CertificateRefused' },
    'ECONNREFUSED',
    null,
    undefined,
  ])('may have sent something: %#', (error) => {
    expect(isUnconnected(error)).toBe(false);
  });
});

describe('what went wrong', () => {
  it.each([
    [failure({ name: 'TimeoutError', code: 23 }), 'no answer in time'],
    [failure({ name: 'AbortError', code: 'ABORT_ERR' }), 'no answer in time'],
    [failure({ code: 'ECONNRESET' }), 'ECONNRESET'],
    [failure({ code: 7 }), 'words'],
    [failure({}), 'words'],
    ['words', 'unknown failure'],
    [null, 'unknown failure'],
  ])('is said without addresses: %#', (error, words) => {
    expect(describeFailure(error)).toBe(words);
  });
});

describe('a text', () => {
  async function* chunksOf(...lengths: number[]): AsyncGenerator<Uint8Array> {
    for (const length of lengths) yield Buffer.alloc(length, 'x');
  }

  it('is read to the chunk that makes it longer than any useful one', async () => {
    expect((await readText(chunksOf(MIB - 1, 1, 5))).length).toBe(MIB + 5);
    expect((await readText(chunksOf(MIB, 1, 5))).length).toBe(MIB + 1);
    expect((await readText(chunksOf(MIB + 1, 5))).length).toBe(MIB + 1);
  });
});

describe('a small exchange', () => {
  const request = {
    method: 'GET',
    url: new URL('https://iam.example.com/'),
    headers: {},
    signal: new AbortController().signal,
  };

  it('is given up when the connection stands still for ten seconds', async () => {
    const sent: WireRequest[] = [];

    const answer = await exchange(async (given) => {
      sent.push(given);
      return { status: 200, headers: { a: 'b' }, body: (async function* () {})() };
    }, request);

    expect(answer).toEqual({ kind: 'answer', status: 200, headers: { a: 'b' }, text: '' });
    expect(sent).toEqual([{ ...request, idleMs: 10_000 }]);
  });
});
