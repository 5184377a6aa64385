import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { request as openRequest } from 'node:http';
import { elsewhere, verdictOf, withHeader } from '../support/altered.ts';
import { putFile } from '../support/answer.ts';
import type { Signed, SignedPart } from '../support/answer.ts';
import { eventually } from '../support/eventually.ts';
import { useProductOnStorage } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';
import { HOUR_MS } from '../../lib/domain/units.ts';

const PART_BYTES = 5 * 1024 ** 2;
const hello = Buffer.from('hello');
const about = { projectId, issueId, filename: 'a.bin', contentType: 'video/mp4' };
const bytes = randomBytes(PART_BYTES + 777);

const product = await useProductOnStorage();

/** An upload of two parts: of 5 MiB, and of 777 bytes. */
async function beginParts() {
  const body = { ...about, size: bytes.length, mode: 'multipart' };
  const { id, parts } = await product.call('POST /v1/uploads', { body });
  const [first, second] = parts();
  if (first === undefined || second === undefined) throw new Error('there are not two parts');
  return { id, first, second };
}

const bytesOf = ({ offset, length }: SignedPart): Buffer => bytes.subarray(offset, offset + length);

/** Sends less than it says, and hangs up. */
async function breakOff({ url, headers }: Signed, chunk: Buffer): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const sending = openRequest(url, { method: 'PUT', headers });
  // The test wants the connection to break.
  sending.on('error', () => undefined);
  sending.on('close', () => ended.resolve());
  sending.write(chunk, () => sending.destroy());
  await ended.promise;
}

/** Nothing of the refused request is stored, and the request as signed still works. */
async function expectUntouched({ id, second }: Awaited<ReturnType<typeof beginParts>>): Promise<void> {
  const { body } = await product.call(`GET /v1/uploads/${id}`);
  expect(body).toMatchObject({ status: 'awaiting_upload', staging: { bytesStored: 0 } });
  expect(await verdictOf(await putFile(second, bytesOf(second)))).toBe('200');
}

describe('a part', () => {
  it.each<[what: string, change: (part: SignedPart) => [Signed, Buffer], verdict: string]>([
    [
      'longer than signed',
      (part) => [{ ...part, headers: {} }, Buffer.concat([bytesOf(part), hello])],
      '403 SignatureDoesNotMatch',
    ],
    [
      'shorter than signed',
      (part) => [{ ...part, headers: {} }, bytesOf(part).subarray(1)],
      '403 SignatureDoesNotMatch',
    ],
    [
      'under another key',
      (part) => [elsewhere(part, (url) => (url.pathname += 'x')), bytesOf(part)],
      '403 SignatureDoesNotMatch',
    ],
    [
      'under another number',
      (part) => [elsewhere(part, (url) => url.searchParams.set('partNumber', '3')), bytesOf(part)],
      '403 SignatureDoesNotMatch',
    ],
    [
      'as a whole file',
      (part) => [elsewhere(part, (url) => url.searchParams.delete('uploadId')), bytesOf(part)],
      '403 SignatureDoesNotMatch',
    ],
    [
      'with a longer life than signed',
      (part) => [elsewhere(part, (url) => url.searchParams.set('X-Amz-Expires', '604800')), bytesOf(part)],
      '403 SignatureDoesNotMatch',
    ],
    [
      'with another time of signing',
      (part) => [
        elsewhere(part, (url) => url.searchParams.set('X-Amz-Date', otherSecond(url))),
        bytesOf(part),
      ],
      '403 SignatureDoesNotMatch',
    ],
    [
      'without a signature',
      (part) => [elsewhere(part, (url) => (url.search = unsigned(url))), bytesOf(part)],
      '403 AccessDenied',
    ],
    [
      'with a header that was not signed',
      (part) => [withHeader(part, 'x-amz-tagging', 'a=b'), bytesOf(part)],
      '403 AccessDenied',
    ],
  ])('is refused %s', async (_what, change, verdict) => {
    const begun = await beginParts();
    const [request, body] = change(begun.second);

    const refused = await putFile(request, body);

    expect(await verdictOf(refused)).toBe(verdict);
    await expectUntouched(begun);
  });

  it('is refused when it breaks off', async () => {
    const begun = await beginParts();

    await breakOff(begun.second, bytesOf(begun.second).subarray(0, 700));
    await eventually(() => product.storage.refusedParts(begun.id).length > 0);

    expect(product.storage.refusedParts(begun.id)).toMatchObject([{ partNumber: 2, status: 400 }]);
    await expectUntouched(begun);
  });

  it("is refused with another upload's id", async () => {
    const begun = await beginParts();
    const other = await beginParts();
    const theirs = new URL(other.second.url).searchParams.get('uploadId') ?? '';

    const mixed = elsewhere(begun.second, (url) => url.searchParams.set('uploadId', theirs));
    const refused = await putFile(mixed, bytesOf(begun.second));

    expect(await verdictOf(refused)).toBe('403 SignatureDoesNotMatch');
    await expectUntouched(begun);
    await expectUntouched(other);
  });

  it('is refused when its URL has expired, and taken by a fresh one', async () => {
    const { id, second } = await beginParts();

    const late = await product.storage.later(HOUR_MS + 1_000, () => putFile(second, bytesOf(second)));
    const fresh = await product.call(`POST /v1/uploads/${id}/urls`);
    const [, again] = fresh.parts();
    const stored = again && (await putFile(again, bytesOf(again)));

    expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('Request has expired')]);
    expect(stored?.status).toBe(200);
  });

  it('is refused once the upload was cancelled', async () => {
    const { id, second } = await beginParts();
    await product.call(`DELETE /v1/uploads/${id}`);

    const refused = await putFile(second, bytesOf(second));

    expect(await verdictOf(refused)).toBe('404 NoSuchUpload');
  });

  it('may be put again as long as its upload is not complete, and counts once', async () => {
    const { id, first, second } = await beginParts();

    const twice = [await putFile(second, bytesOf(second)), await putFile(second, bytesOf(second))];
    await putFile(first, bytesOf(first));
    const { body } = await product.call(`GET /v1/uploads/${id}`);
    await product.call(`POST /v1/uploads/${id}/complete`);
    const late = await putFile(second, bytesOf(second));

    expect(twice.map(({ status }) => status)).toEqual([200, 200]);
    expect(body).toMatchObject({ staging: { bytesStored: bytes.length } });
    expect(await verdictOf(late)).toBe('404 NoSuchUpload');
  });
});

/** A few seconds before or after the time that the URL names. */
function otherSecond({ searchParams }: URL): string {
  return (searchParams.get('X-Amz-Date') ?? '').replace(/\dZ$/, (end) => `${(Number(end[0]) + 1) % 10}Z`);
}

function unsigned({ searchParams }: URL): string {
  const kept = [...searchParams].filter(([name]) => !name.startsWith('X-Amz-'));
  return new URLSearchParams(kept).toString();
}
