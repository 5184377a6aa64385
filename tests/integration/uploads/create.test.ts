import { describe, expect, it } from '@jest/globals';
import { DeleteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import { useWorld } from '../../support/use-world.ts';
import { caller, projectId } from '../../support/world.ts';
import { end, request, stranger } from '../../support/ways-to-end.ts';
import { HOUR_MS } from '../../../lib/domain/units.ts';

const world = await useWorld();

describe('intake', () => {
  describe('create', () => {
    it('makes an upload that awaits its file', async () => {
      const { created, upload } = await world.intake.create(caller, {
        ...request,
        filename: 'e\u0301 😀.pdf',
      });

      expect(created).toBe(true);
      expect(upload).toMatchObject({
        ...request,
        status: 'awaiting_upload',
        owner: caller.owner,
        version: 1,
        filename: 'e\u0301 😀.pdf',
        sentName: 'é 😀.pdf',
        uploadDeadline: new Date(world.clock.now() + 72 * HOUR_MS).toISOString(),
      });
      expect(await world.find(upload.id)).toEqual(upload);
    });

    it('makes another one each time when there is no key', async () => {
      const first = await world.intake.create(caller, request);
      const second = await world.intake.create(caller, request);

      expect(second.created).toBe(true);
      expect(second.upload.id).not.toBe(first.upload.id);
    });

    it.each([
      ['no project', []],
      ['another project', ['f'.repeat(32)]],
      ['a part of its name', [projectId.slice(0, 31)]],
    ])('refuses a project that the token does not open: %s', async (_name, projects) => {
      const work = world.intake.create({ owner: 'user-1', projects }, request);

      await expect(work).rejects.toMatchObject({
        code: 'project_forbidden',
        places: [{ pointer: '/projectId' }],
      });
      expect(world.ipd.requests).toEqual([]);
    });

    it('takes a project that the token names among others', async () => {
      const projects = ['f'.repeat(32), projectId];

      expect(await world.intake.create({ owner: 'user-1', projects }, request)).toMatchObject({
        created: true,
      });
    });
  });

  describe('an idempotency key', () => {
    it('gives the same upload for the same request', async () => {
      const key = randomUUID();
      const first = await world.intake.create(caller, request, key);

      const second = await world.intake.create(caller, { ...request }, key);

      expect(first.created).toBe(true);
      expect(second).toEqual({ created: false, upload: first.upload });
    });

    it("is an owner's own", async () => {
      const key = randomUUID();
      const first = await world.intake.create(caller, request, key);

      const second = await world.intake.create(stranger, request, key);

      expect(second).toMatchObject({ created: true, upload: { owner: 'user-2' } });
      expect(second.upload.id).not.toBe(first.upload.id);
    });

    it.each([
      { issueId: '956239067176935401' },
      { projectId: 'f'.repeat(32) },
      { filename: 'other.pdf' },
      { contentType: 'text/plain' },
      { size: 11 },
      { sha256: '0'.repeat(64) },
    ])('is refused with another body: %j', async (other) => {
      const key = randomUUID();
      const { upload } = await world.intake.create(caller, request, key);
      const again = (): Promise<unknown> => world.intake.create(caller, { ...request, ...other }, key);

      await expect(again()).rejects.toMatchObject({
        code: 'idempotency_key_reused',
        places: [{ pointer: 'header:Idempotency-Key' }],
      });
      await end(world, upload, 'cancelled');
      await expect(again()).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    });

    it.each(['cancelled', 'expired', 'failed'])('starts anew after an upload that %s', async (how) => {
      const key = randomUUID();
      const { upload: first } = await world.intake.create(caller, request, key);
      await end(world, first, how);

      const second = await world.intake.create(caller, request, key);
      const third = await world.intake.create(caller, request, key);

      expect(second).toMatchObject({ created: true, upload: { status: 'awaiting_upload' } });
      expect(second.upload.id).not.toBe(first.id);
      expect(third).toEqual({ created: false, upload: second.upload });
    });

    it('keeps the earlier upload from being delivered once it starts anew', async () => {
      const key = randomUUID();
      const { upload: first } = await world.intake.create(caller, request, key);
      await end(world, first, 'expired');
      await world.intake.create(caller, request, key);

      const late = { key: `staging/${first.id}`, etag: 'late', size: first.size };
      await world.delivery.onArrival(late, world.run());

      expect(await world.find(first.id)).toMatchObject({ status: 'cancelled' });
      await expect(world.uploads.retry(caller, first.id)).rejects.toThrow('only a failed upload');
      expect(world.uploadRequests()).toEqual([]);
    });

    it.each([
      'delivered',
      'unconfirmed',
      'failed in doubt',
      'staged',
      'waiting',
      'delivering',
      'behind the fence',
    ])('does not start anew after an upload that is %s', async (how) => {
      const key = randomUUID();
      const { upload } = await world.intake.create(caller, request, key);
      await end(world, upload, how);

      const again = await world.intake.create(caller, request, key);

      expect(again).toEqual({ created: false, upload: await world.find(upload.id) });
    });

    it('goes on under the id that it is bound to when the creation was interrupted', async () => {
      const key = randomUUID();
      const { upload } = await world.intake.create(caller, request, key);
      const documents = DynamoDBDocumentClient.from(world.clients.dynamodb);
      await documents.send(
        new DeleteCommand({ TableName: world.config.table, Key: { pk: `upload#${upload.id}` } }),
      );

      const again = await world.intake.create(caller, request, key);

      expect(again).toMatchObject({ created: true, upload: { id: upload.id, status: 'awaiting_upload' } });
    });

    it.each(['fresh', 'cancelled'])('gives one upload to ten calls at the same time (%s)', async (kind) => {
      const key = randomUUID();
      const old = kind === 'cancelled' ? (await world.intake.create(caller, request, key)).upload : undefined;
      if (old !== undefined) await end(world, old, 'cancelled');

      const all = await Promise.all(
        Array.from({ length: 10 }, () => world.intake.create(caller, request, key)),
      );

      expect(new Set(all.map(({ upload }) => upload.id)).size).toBe(1);
      expect(all.filter(({ created }) => created)).toHaveLength(1);
      expect(all[0]?.upload.id).not.toBe(old?.id);
    });
  });
});
