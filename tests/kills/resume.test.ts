import { describe, expect, it } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { putFile } from '../support/answer.ts';
import { eventually } from '../support/eventually.ts';
import { useDirectory } from '../support/use-directory.ts';
import { useProductOnStorage } from '../support/use-product.ts';
import { runCommandLine } from '../support/run-command.ts';
import { UPLOADER } from '../support/uploader.ts';
import type { Order } from '../support/uploader.ts';
import { issueId, projectId } from '../support/world.ts';

const PART_BYTES = 5 * 1024 ** 2;
const ALL = [1, 2, 3, 4, 5, 6, 7, 8];

const item = { projectId, issueId };
const about = { ...item, filename: '录屏.mp4', contentType: 'video/mp4' };
const bytes = randomBytes(7 * PART_BYTES + 3_000_777);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const page = z.object({ uploads: z.array(z.looseObject({ id: z.string() })), nextCursor: z.null() });

const product = await useProductOnStorage();
const directory = await useDirectory();
await writeFile(join(directory, 'file'), bytes);
await product.warm();

/** A device that begins with the file, or goes on with it. */
function startUploader(idempotencyKey: string, haltAfter?: number) {
  const { apiUrl } = product.urls;
  const path = join(directory, 'file');
  const order: Order = { apiUrl, token: product.token, path, about: { ...about, idempotencyKey }, haltAfter };
  return runCommandLine(UPLOADER, [JSON.stringify(order)]);
}

/** The open upload, as a client without stored state finds it. */
async function findOpen() {
  const query = new URLSearchParams({ state: 'open', ...item }).toString();
  const { body } = await product.call(`GET /v1/uploads?${query}`);
  const { uploads } = page.parse(body);
  return uploads;
}

describe('a device that dies', () => {
  it.each([1, 4, 7])('goes on after %d of 8 parts, and sends none of them again', async (count) => {
    const key = randomUUID();
    const dying = startUploader(key, count);
    await dying.firstError();
    dying.kill('SIGKILL');
    await dying.ended;

    const [open, ...others] = await findOpen();
    const id = open?.id ?? '';
    await eventually(() => product.storage.refusedParts(id).length > 0);
    const before = product.storage.storedParts(id);
    const seen = await product.call(`GET /v1/uploads/${id}`);
    const { code, stdout } = await startUploader(key).ended;

    expect(others).toEqual([]);
    expect(before).toEqual(ALL.slice(0, count));
    expect(seen.body).toMatchObject({
      status: 'awaiting_upload',
      staging: { mode: 'multipart', bytesStored: count * PART_BYTES, partSize: PART_BYTES },
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: [JSON.stringify({ id, status: 'delivered' })] });
    expect(product.storage.storedParts(id)).toEqual(ALL);
    expect(product.storage.refusedParts(id)).toMatchObject([{ partNumber: count + 1 }]);
    expect(await product.received()).toMatchObject([
      { size: bytes.length, sha256, filename: about.filename },
    ]);
  });
});

describe('a file in two parts', () => {
  const small = randomBytes(PART_BYTES + 777);
  const begin = () =>
    product.call('POST /v1/uploads', { body: { ...about, size: small.length, mode: 'multipart' } });

  type Begun = Awaited<ReturnType<typeof begin>>;

  async function send({ parts }: Pick<Begun, 'parts'>, numbers: number[]): Promise<void> {
    for (const { number, offset, length, ...signed } of parts()) {
      if (!numbers.includes(number)) continue;
      const stored = await putFile(signed, small.subarray(offset, offset + length));
      expect(stored.status).toBe(200);
    }
  }

  it('is found, finished and attached by a client without stored state', async () => {
    await send(await begin(), [2]);

    const [open] = await findOpen();
    const id = open?.id ?? '';
    const early = await product.call(`POST /v1/uploads/${id}/complete`);
    const missing = await product.call(`POST /v1/uploads/${id}/urls`);
    await send(missing, [1]);
    const completed = await product.call(`POST /v1/uploads/${id}/complete`);

    expect(early).toMatchObject({ status: 409, body: { code: 'upload_incomplete' } });
    expect(early.pointers()).toEqual(['part:1']);
    expect(missing.parts()).toMatchObject([{ number: 1, offset: 0, length: PART_BYTES }]);
    expect(completed.status).toBe(200);
    expect((await product.follow(id)).body).toMatchObject({ status: 'delivered' });
    expect(await findOpen()).toEqual([]);
    expect(await product.received()).toMatchObject([{ sha256: sha256Of(small) }]);
  });

  it('is attached although no client completes it', async () => {
    const begun = await begin();
    await send(begun, [1, 2]);
    const waiting = await product.call(`GET /v1/uploads/${begun.id}`);

    await product.ledger.change(begun.id, (upload) => ({ ...upload, dueAt: new Date().toISOString() }));
    await product.fireSchedules();

    expect(waiting.body).toMatchObject({
      status: 'awaiting_upload',
      staging: { bytesStored: small.length },
    });
    expect((await product.follow(begun.id)).body).toMatchObject({ status: 'delivered' });
    expect(await product.received()).toMatchObject([{ sha256: sha256Of(small) }]);
  });

  it('is attached once, even when several clients complete it at the same time', async () => {
    const begun = await begin();
    await send(begun, [1, 2]);

    const answers = await Promise.all(
      [1, 2, 3].map(() => product.call(`POST /v1/uploads/${begun.id}/complete`)),
    );

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await product.follow(begun.id)).body).toMatchObject({ status: 'delivered' });
    expect(await product.received()).toMatchObject([{ sha256: sha256Of(small) }]);
  });
});

function sha256Of(file: Buffer): string {
  return createHash('sha256').update(file).digest('hex');
}
