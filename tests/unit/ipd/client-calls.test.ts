import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { createIpdClient } from '../../../lib/ipd/client.ts';
import { frameOverhead } from '../../../lib/ipd/form.ts';
import type { Send } from '../../../lib/ipd/wire.ts';
import { sourceOf } from '../../support/sources.ts';
import { createTestClock } from '../../support/surroundings.ts';

const item = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };
const { signal } = new AbortController();

/** A client whose requests go here. */
function sending(send: Send) {
  return createIpdClient({
    endpoint: 'https://ipd.example.com',
    iamEndpoint: 'https://iam.example.com',
    region: 'cn-north-4',
    auth: 'aksk',
    credentials: { accessKey: { accessKey: 'key', secretKey: 'secret' } },
    clock: createTestClock(),
    send,
  });
}

/** An answer of IPD, for any request. */
const answer =
  (status: number, body: unknown, headers: Record<string, string> = {}): Send =>
  async () => ({ status, headers, body: bytesOf(typeof body === 'string' ? body : JSON.stringify(body)) });

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

const file = {
  ...item,
  filename: 'a.txt',
  contentType: 'text/plain',
  size: 3,
  file: sourceOf([Buffer.from('abc')]),
  fence: async () => undefined,
  signal,
};

describe('a file that is sent', () => {
  it('has its frame around it, and each piece waits for the one before', async () => {
    const pieces: string[] = [];
    let underWay = 0;
    const client = sending(async (request) => {
      if (typeof request.body !== 'function') throw new Error('no source');
      await request.body(async (chunk) => {
        underWay += 1;
        pieces.push(
          `${underWay} ${Buffer.from(chunk)
            .toString()
            .replaceAll(/[^]*boundary|\r\n/gi, '')
            .slice(0, 3)}`,
        );
        await setImmediate();
        underWay -= 1;
      }, signal);
      pieces.push(`${underWay} under way`);
      return answer(200, { status: 'success', result: [{ id: '1' }] })(request);
    });

    expect(await client.upload(file)).toMatchObject({ kind: 'stored', attachmentId: '1' });
    expect(pieces.map((piece) => piece.slice(0, 1))).toEqual(['1', '1', '1', '0']);
    expect(pieces[1]).toBe('1 abc');
  });

  it('has no id where IPD names an empty one', async () => {
    const client = sending(answer(200, { status: 'success', result: [{ id: '' }] }));

    // Not complete: nothing of the file was asked for.
    expect(await client.upload(file)).toMatchObject({ kind: 'unavailable', isContradiction: true });
    const complete = sending(async (request) => {
      if (typeof request.body === 'function') await request.body(() => undefined, signal);
      return answer(200, { status: 'success', result: [{ id: '' }] })(request);
    });
    expect(await complete.upload(file)).toMatchObject({ kind: 'stored', attachmentId: null });
  });

  it('is not stored where IPD fails before its end, and the answer is kept', async () => {
    expect(await sending(answer(500, '')).upload(file)).toEqual({ kind: 'unavailable', detail: 'HTTP 500' });
  });

  it('may have 12,000,000 bytes with its frame', () => {
    const part = { filename: 'a.txt', contentType: 'text/plain' };

    expect(sending(answer(200, '')).largestFile(part)).toBe(
      12_000_000 - frameOverhead({ field: 'attachment', ...part }),
    );
  });
});

describe('a download', () => {
  const attachment = { projectId: item.projectId, id: '7' };

  it.each([
    [{}, false],
    [{ 'content-type': 'application/octet-stream' }, false],
    [{ 'content-type': 'text/html;charset=utf-8' }, true],
    [{ 'content-type': 'Application/JSON' }, true],
  ])('is a page by its type: %j', async (headers, isPage) => {
    expect(await sending(answer(200, 'x', headers)).download(attachment, signal)).toMatchObject({
      kind: 'file',
      isPage,
    });
  });

  it.each([
    [404, '', { kind: 'refused', code: 'ipd_refused', detail: 'HTTP 404' }],
    [404, { error_code: 'APIGW.0101' }, { kind: 'unavailable', detail: 'HTTP 404 APIGW.0101' }],
    [500, '', { kind: 'unconfirmed', detail: 'HTTP 500' }],
    [204, '', { kind: 'unconfirmed', detail: 'HTTP 204' }],
  ])('of which IPD answers %i %j has no file', async (status, body, failure) => {
    expect(await sending(answer(status, body)).download(attachment, signal)).toEqual(failure);
  });
});

describe('a call', () => {
  it.each([
    ['ECONNREFUSED', { kind: 'unavailable', detail: 'ECONNREFUSED', isOutage: true }],
    ['ECONNRESET', { kind: 'unconfirmed', detail: 'ECONNRESET' }],
  ])('that fails by %s', async (code, failure) => {
    const client = sending(async () => {
      throw Object.assign(new Error('m'), { code });
    });

    expect(await client.list(item, signal)).toEqual(failure);
  });

  it('without a body has none, and one with a body is of JSON', async () => {
    const asked: unknown[] = [];
    const client = sending(async ({ method, body, headers, ...request }) => {
      const text = body instanceof Uint8Array ? Buffer.from(body).toString() : body;
      asked.push([method, text, headers['content-type'], headers['content-length']]);
      return answer(200, { status: 'success', result: { data: { result: [] } } })({
        method,
        headers,
        ...request,
      });
    });

    await client.listLinks(item, signal);
    await client.addComment({ ...item, html: 'é' }, signal);

    const json = JSON.stringify({ category: 'comment', description: 'é' });
    expect(asked).toEqual([
      ['GET', undefined, undefined, undefined],
      ['POST', json, 'application/json', String(Buffer.byteLength(json))],
    ]);
  });

  it('that waits for the fence sends its body after it, and says what IPD has made', async () => {
    const order: string[] = [];
    const client = sending(async (request) => {
      const { method, url, body } = request;
      order.push(`${method} ${url.pathname}`);
      if (typeof body === 'function')
        await body((chunk) => void order.push(Buffer.from(chunk).toString()), signal);
      return answer(200, { status: 'success', result: { id: '9', url: 'https://b', title: 't' } })(request);
    });
    const fence = async () => void order.push('fence');

    const made = await client.createLink({ ...item, title: 't', url: 'https://b', fence }, signal);

    expect(made).toEqual({ kind: 'linked', id: '9' });
    expect(order).toEqual([
      `POST /v2/projects/${item.projectId}/issues/${item.issueId}/associate-third-party`,
      'fence',
      JSON.stringify({ title: 't', url: 'https://b' }),
    ]);
  });
});

describe('the comments of a work item', () => {
  const listed = (result: unknown, status = 200) =>
    sending(answer(status, { status: 'success', result })).listComments(item, signal);

  it('have ids', async () => {
    expect(await listed({ comment_list: [{ id: '7', description: 'd' }] })).toEqual({
      kind: 'listed',
      comments: [{ id: '7', html: 'd' }],
    });
    expect(await listed({ comment_list: [{ id: '', description: 'd' }] })).toEqual({
      kind: 'unconfirmed',
      detail: 'the list of comments cannot be read',
    });
  });

  it('cannot be read where IPD fails', async () => {
    expect(await listed({ comment_list: [] }, 500)).toEqual({ kind: 'unconfirmed', detail: 'HTTP 500' });
  });
});
