import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { ETAG, idForSize, pieceAt, sha256Of } from '../../../bench/stub-file.ts';
import { createIpdAnswers } from '../../../bench/stub-ipd.ts';
import { answerStorage } from '../../../bench/stub-storage.ts';
import { listen } from '../../../local/listen.ts';
import { sha256 } from '../../support/sha256.ts';

const SIZE = 3_000_000;
const UPLOAD = '/v1/ipdprojectservice/projects/p/issues/1/attachments/upload';

let storage: Awaited<ReturnType<typeof listen>>;
let ipd: Awaited<ReturnType<typeof listen>>;
const received: number[] = [];
beforeAll(async () => {
  storage = await listen(createServer(answerStorage), 0);
  ipd = await listen(createServer(createIpdAnswers((size) => received.push(size))), 0);
});
beforeEach(() => {
  received.length = 0;
});
afterAll(() => Promise.all([storage.close(), ipd.close()]));

const read = async (headers: Record<string, string> = {}) => {
  const answer = await fetch(`${storage.url}/staging/staging/${idForSize(SIZE)}`, { headers });
  return { answer, bytes: Buffer.from(await answer.arrayBuffer()) };
};

describe('the storage of the stub server', () => {
  it('has a file of the size that the key tells, with the hash that a client would declare', async () => {
    const { answer, bytes } = await read();

    expect(bytes).toHaveLength(SIZE);
    expect(sha256(bytes)).toBe(sha256Of(SIZE));
    expect(answer.headers.get('etag')).toBe(`"${ETAG}"`);
  });

  it('goes on where a range begins', async () => {
    const whole = await read();

    const rest = await read({ range: 'bytes=1234567-' });

    expect(rest.answer.status).toBe(206);
    expect(rest.answer.headers.get('content-range')).toBe(`bytes 1234567-${SIZE - 1}/${SIZE}`);
    expect(sha256(rest.bytes)).toBe(sha256(whole.bytes.subarray(1_234_567)));
  });
});

const fileOf = (size: number): Buffer => pieceAt(0, size);

/** A form as a carrier would send it, but for what is changed. */
const form = (file: Buffer, { head = '--b', tail = '\r\n--b--\r\n' } = {}): Buffer =>
  Buffer.concat([
    Buffer.from(
      `${head}\r\nContent-Disposition: form-data; name="attachment"; filename="a.bin"\r\nContent-Type: image/png\r\n\r\n`,
    ),
    file,
    Buffer.from(tail),
  ]);

const upload = (body: Buffer | ReadableStream, more: object = {}) =>
  fetch(`${ipd.url}${UPLOAD}`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body,
    ...more,
  });

describe('the IPD of the stub server', () => {
  it('takes a form that holds the file', async () => {
    const answer = await upload(form(fileOf(500_000)));

    expect(await answer.json()).toMatchObject({ status: 'success', result: [{ id: expect.any(String) }] });
    expect(received).toEqual([500_000]);
  });

  it.each([
    ['other bytes', form(Buffer.alloc(500_000)), 'other bytes'],
    ['no closing boundary', form(fileOf(500_000), { tail: '\r\n--b\r\n..' }), 'no closing boundary'],
    ['another boundary', form(fileOf(500_000), { head: '--c' }), 'another boundary'],
    ['no part at all', fileOf(500_000), 'no head of a part'],
  ])('refuses a body with %s', async (_name, body, words) => {
    const answer = await upload(body);

    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(words);
    expect(received).toEqual([]);
  });

  it('refuses a body of unknown length', async () => {
    const answer = await upload(new Blob([form(fileOf(1000))]).stream(), { duplex: 'half' });

    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('unknown length');
  });
});
