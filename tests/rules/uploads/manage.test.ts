import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { mayBeRetried } from '../../../lib/domain/upload.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller, oneRequest } from '../../support/world.ts';
import { end, request, stranger } from '../../support/ways-to-end.ts';
import { HOUR_MS } from '../../../lib/domain/units.ts';

const world = await useWorld();

describe('uploads', () => {
  describe('find', () => {
    it("gives an owner's upload", async () => {
      const { upload } = await world.intake.create(caller, request);

      expect(await world.uploads.find(caller, upload.id)).toEqual(upload);
    });

    it("says the same of another owner's upload and of none", async () => {
      const { upload } = await world.intake.create(caller, request);

      for (const id of [upload.id, randomUUID()]) {
        const absent = { code: 'not_found', message: `you have no upload ${id}` };
        await expect(world.uploads.find(stranger, id)).rejects.toMatchObject(absent);
        await expect(world.uploads.resign(stranger, id)).rejects.toMatchObject(absent);
        await expect(world.uploads.cancel(stranger, id)).rejects.toMatchObject(absent);
      }
      expect(await world.find(upload.id)).toEqual(upload);
    });

    it('asks the table nothing for a text that is no id', async () => {
      const { documents } = world.connectTable();
      documents.middlewareStack.add(
        () => async () => {
          throw new Error('the table is not there');
        },
        { step: 'initialize', name: 'break-off' },
      );
      const { uploads } = world.build({ documents });

      await expect(uploads.find(caller, 'report.pdf')).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  describe('complete', () => {
    it('names the file that has not come', async () => {
      const { id } = await world.create(randomBytes(10));

      await expect(world.uploads.complete(caller, id)).rejects.toMatchObject({
        code: 'upload_incomplete',
        message: 'file is not stored',
      });
    });
  });

  describe('cancel', () => {
    it('leaves nothing of a file that had come', async () => {
      const { id } = await world.stage(randomBytes(10));
      const before = await world.uploads.complete(caller, id);

      const { bytesStored } = await world.uploads.cancel(caller, id);

      expect(before).toMatchObject({ upload: { status: 'staged' }, bytesStored: 10 });
      expect(bytesStored).toBe(0);
      expect(await world.uploads.get(caller, id)).toMatchObject({ bytesStored: 0 });
    });

    it.each(['awaiting_upload', 'staged', 'waiting', 'delivering', 'failed', 'expired', 'cancelled'])(
      'cancels an upload that is %s, and removes its file',
      async (how) => {
        const upload = await world.stage(randomBytes(10));
        if (how !== 'awaiting_upload') await end(world, upload, how);

        const { upload: cancelled } = await world.uploads.cancel(caller, upload.id);

        expect(cancelled.status).toBe('cancelled');
        expect(await world.find(upload.id)).toEqual(cancelled);
        expect(await world.isStaged(upload.id)).toBe(false);
      },
    );

    it.each(['behind the fence', 'unconfirmed', 'delivered', 'failed in doubt'])(
      'refuses for an upload that is %s, and keeps its file',
      async (how) => {
        const upload = await world.stage(randomBytes(10));
        await end(world, upload, how);
        const before = await world.find(upload.id);

        await expect(world.uploads.cancel(caller, upload.id)).rejects.toMatchObject({
          code: 'upload_state_conflict',
        });

        expect(await world.find(upload.id)).toEqual(before);
        expect(await world.isStaged(upload.id)).toBe(true);
      },
    );
  });

  describe('retry', () => {
    it('brings a failed upload back to delivery', async () => {
      await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
      const failed = await world.deliver();

      const { upload: retried } = await world.uploads.retry(caller, failed.id);
      const [message = ''] = await world.requestsFor(failed.id);
      await world.delivery.onRequest(JSON.parse(message), world.run());

      expect(failed).toMatchObject({ status: 'failed', lastError: { code: 'ipd_forbidden' } });
      expect(retried).toMatchObject({ status: 'staged', failedAttempts: 0 });
      expect(await world.find(failed.id)).toMatchObject({ status: 'delivered', attempts: 2 });
      expect(await world.received()).toHaveLength(1);
    });

    it('checks IPD for one in doubt before anything else, and does not send it twice', async () => {
      await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'lostAnswer' } }]);
      const doubtful = await world.deliver();
      await world.ipdSettings({ missingIssues: [doubtful.issueId] });
      const failed = await world.next(doubtful.id);
      await world.ipdSettings({});

      const { upload: retried } = await world.uploads.retry(caller, failed.id);
      const [message = ''] = await world.requestsFor(failed.id);
      await world.delivery.onRequest(JSON.parse(message), world.run());

      expect(failed).toMatchObject({ status: 'failed', lastError: { code: 'outcome_unknown' } });
      expect(retried).toMatchObject({ status: 'unconfirmed' });
      expect(await world.find(failed.id)).toMatchObject({ status: 'delivered' });
      expect(world.uploadRequests()).toHaveLength(1);
    });

    it('asks once for an upload that is retried twice', async () => {
      await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
      const { id } = await world.deliver();

      const first = await world.uploads.retry(caller, id);

      expect(await world.uploads.retry(caller, id)).toEqual(first);
      expect(await world.requestsFor(id)).toHaveLength(1);
    });

    it('refuses when the file is gone', async () => {
      await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
      const failed = await world.deliver();
      await world.staging.remove(`staging/${failed.id}`);

      await expect(world.uploads.retry(caller, failed.id)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: 'only a failed upload can be tried again; its file is gone: upload it again',
      });

      expect(await world.find(failed.id)).toEqual(failed);
      expect(await world.requestsFor(failed.id)).toEqual([]);
    });

    it('says to check the work item before a new upload when IPD may have the file', async () => {
      await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'lostAnswer' } }]);
      const doubtful = await world.deliver();
      await world.ipdSettings({ missingIssues: [doubtful.issueId] });
      const failed = await world.next(doubtful.id);
      await world.ipdSettings({});
      await world.staging.remove(`staging/${failed.id}`);

      await expect(world.uploads.retry(caller, failed.id)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: expect.stringContaining('IPD may have it: check the work item before you upload it again'),
      });
    });

    it('is not offered any more once the file has been removed', async () => {
      await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
      const failed = await world.deliver();
      world.clock.set(Date.parse(failed.dueAt ?? ''));

      await world.sweep.run(AbortSignal.timeout(300_000));
      const removed = await world.find(failed.id);

      expect(await world.isStaged(failed.id)).toBe(false);
      expect([failed, removed].map(mayBeRetried)).toEqual([true, false]);
      await expect(world.uploads.retry(caller, failed.id)).rejects.toMatchObject({
        message: expect.stringContaining('upload it again'),
      });
    });

    it.each(['staged', 'waiting', 'delivering', 'unconfirmed', 'delivered'])(
      'changes nothing of an upload that is %s',
      async (how) => {
        const upload = await world.stage();
        await end(world, upload, how);
        const before = await world.find(upload.id);
        const asked = await world.requestsFor(upload.id);

        expect(await world.uploads.retry(caller, upload.id)).toMatchObject({ upload: { status: how } });
        expect(await world.find(upload.id)).toEqual(before);
        expect(await world.requestsFor(upload.id)).toEqual(asked);
      },
    );

    it('refuses when no file has come', async () => {
      const { id } = await world.create(randomBytes(10));

      await expect(world.uploads.retry(caller, id)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: expect.stringContaining('awaiting_upload'),
      });
    });

    it.each(['cancelled', 'expired'])('refuses when the upload is %s', async (how) => {
      const upload = await world.stage();
      await end(world, upload, how);

      await expect(world.uploads.retry(caller, upload.id)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: expect.stringContaining(how),
      });
    });

    it.each([
      ['scan_refused', 'the scan for malware did not pass this file'],
      ['size_mismatch', 'its file is not the one that was declared: upload it again'],
      ['checksum_mismatch', 'its file is not the one that was declared: upload it again'],
    ])('refuses a file that would fail again, though it is there: %s', async (code, why) => {
      const upload = await world.stage(randomBytes(10));
      await end(world, upload, 'failed');
      const lastError = { code, message: 'm', at: upload.createdAt };
      const { upload: failed } = await world.ledger.change(upload.id, (before) => ({ ...before, lastError }));

      await expect(world.uploads.retry(caller, upload.id)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: `only a failed upload can be tried again; ${why}`,
      });

      expect(await world.find(upload.id)).toEqual(failed);
      expect(await world.isStaged(upload.id)).toBe(true);
    });

    it("counts as one of its owner's calls, which a refused one does not", async () => {
      const by = { ...caller, owner: randomUUID() };
      const [first, gone] = [
        await world.stage(undefined, {}, by.owner),
        await world.stage(undefined, {}, by.owner),
      ];
      for (const upload of [first, gone]) await end(world, upload, 'failed');
      await world.staging.remove(`staging/${gone.id}`);
      // Two calls have created them.
      const { uploads } = world.build({
        config: { limits: { ...world.config.limits, uploadsPerMinute: 3 } },
      });

      await expect(uploads.retry(by, gone.id)).rejects.toMatchObject({ code: 'upload_state_conflict' });
      expect(await uploads.retry(by, first.id)).toMatchObject({ upload: { status: 'staged' } });
      await end(world, first, 'failed');
      const before = await world.find(first.id);
      await expect(uploads.retry(by, first.id)).rejects.toMatchObject({ code: 'rate_limited' });

      expect(await world.find(first.id)).toEqual(before);
      expect(await world.requestsFor(first.id)).toHaveLength(1);
    });

    it("does not know another owner's upload", async () => {
      const { id } = await world.create(randomBytes(10));

      await expect(world.uploads.retry(stranger, id)).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  describe('resign', () => {
    it('gives a URL that works while the file is awaited', async () => {
      const { upload } = await world.intake.create(caller, request);

      const { presigned } = await world.uploads.resign(caller, upload.id);

      expect(presigned?.expiresInSeconds).toBe(3600);
      const response = await world.putFile(oneRequest(presigned), randomBytes(10));
      expect(response.status).toBe(200);
      expect(await world.isStaged(upload.id)).toBe(true);
    });

    it('gives a URL that does not outlive the deadline', async () => {
      const { upload } = await world.intake.create(caller, request);
      const created = world.clock.now();
      try {
        world.clock.set(created + 72 * HOUR_MS - 90_500);
        expect(await world.uploads.resign(caller, upload.id)).toMatchObject({
          presigned: { expiresInSeconds: 90 },
        });

        world.clock.set(created + 72 * HOUR_MS - 1_000);
        expect(await world.uploads.resign(caller, upload.id)).toMatchObject({
          presigned: { expiresInSeconds: 1 },
        });

        world.clock.set(created + 72 * HOUR_MS);
        await expect(world.uploads.resign(caller, upload.id)).rejects.toMatchObject({
          code: 'upload_state_conflict',
          message: 'the upload is awaiting_upload: no file is awaited any more',
        });
      } finally {
        world.clock.set(created);
      }
    });

    it('leaves an upload of a session to the session', async () => {
      const { ticket } = await world.uppy.open(caller, request);
      const { uploadId } = await world.uppy.beginParts(ticket, { filename: 'a.bin', type: 'a/b' });

      await expect(world.uploads.resign(caller, uploadId)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: 'the session that began it signs for it',
      });
      await world.uploads.cancel(caller, uploadId);
      await expect(world.uploads.resign(caller, uploadId)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: 'the upload is cancelled: no file is awaited any more',
      });
    });

    it.each(['staged', 'delivering', 'delivered', 'cancelled', 'expired', 'failed', 'unconfirmed'])(
      'refuses when the upload is %s',
      async (how) => {
        const { upload } = await world.intake.create(caller, request);
        await end(world, upload, how);

        await expect(world.uploads.resign(caller, upload.id)).rejects.toMatchObject({
          code: 'upload_state_conflict',
          message: `the upload is ${how}: no file is awaited any more`,
        });
      },
    );
  });
});
