import { describe, expect, it } from '@jest/globals';
import { streamFile } from '../../../packages/client/src/stream-put.ts';

const MIB = 1024 * 1024;
const file = new Blob([new Uint8Array(MIB), new Uint8Array(MIB)]);

/** Sends two MiB by a fetch that is the test's, which takes the body as it likes. */
function send(fetch: (body: ReadableStreamDefaultReader) => Promise<Response>) {
  const bytes: number[] = [];
  const request = {
    method: 'PUT',
    url: 'https://s3.example.com/key',
    headers: {},
    file,
    signal: new AbortController().signal,
    onBytes: (count: number) => bytes.push(count),
  };
  const answer = streamFile(request, async (_url, init) => {
    if (!(init?.body instanceof ReadableStream)) throw new TypeError('The body is no stream');
    return fetch(init.body.getReader());
  });
  return { answer, bytes };
}

async function readAll(body: ReadableStreamDefaultReader): Promise<void> {
  while (!(await body.read()).done);
}

describe('the bytes of a stream', () => {
  it('are counted until the answer is read, also those after its head', async () => {
    const answered = send(async (body) => {
      const response = new Response('');
      return Object.assign(response, { text: () => readAll(body).then(() => 'stored') });
    });

    expect(await answered.answer).toMatchObject({ status: 200, text: 'stored' });
    expect(answered.bytes.at(-1)).toBeGreaterThan(0);
  });

  it('are not counted after the answer', async () => {
    let left: ReadableStreamDefaultReader | undefined;
    const answered = send(async (body) => {
      left = body;
      return new Response('refused', { status: 403 });
    });

    expect(await answered.answer).toMatchObject({ status: 403 });
    const before = [...answered.bytes];
    if (left) await readAll(left);

    expect(answered.bytes).toEqual(before);
  });
});
