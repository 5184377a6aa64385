import { describe, expect, it } from '@jest/globals';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { UploadRequest } from '../../../lib/uploads/create.ts';
import { partsOf, putParts, underWay } from '../../support/parts-fixture.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller, issueId, oneRequest, projectId } from '../../support/world.ts';
import type { World } from '../../support/world.ts';
import { end, request, stranger } from '../../support/ways-to-end.ts';
import { HOUR_MS } from '../../../lib/domain/units.ts';

const recordPut = z.object({ Item: z.object({ pk: z.string().startsWith('upload#') }) });

const world = await useWorld();

const someone = () => ({ owner: randomUUID(), projects: '*' as const });

describe('intake', () => {
  /** Services with other limits. */
  function limitedTo(limits: Partial<World['config']['limits']>, more: Parameters<World['build']>[0] = {}) {
    return world.build({ ...more, config: { limits: { ...world.config.limits, ...limits } } }).intake;
  }

  /** Something that happens once, while a call asks IPD for the work item: another caller is faster. */
  function during(happens: () => Promise<unknown>): Pick<NonNullable<Parameters<World['build']>[0]>, 'send'> {
    let isFirst = true;
    return {
      async send(toIpd) {
        if (isFirst) {
          isFirst = false;
          await happens();
        }
        return world.send(toIpd);
      },
    };
  }

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

    it('refuses a project by no place where the call does not name it', async () => {
      const { upload } = await world.intake.create(caller, request);

      await expect(
        world.uploads.resign({ owner: caller.owner, projects: [] }, upload.id),
      ).rejects.toMatchObject({ code: 'project_forbidden', places: [] });
    });

    it('takes a project that the token names among others', async () => {
      const projects = ['f'.repeat(32), projectId];

      expect(await world.intake.create({ owner: 'user-1', projects }, request)).toMatchObject({
        created: true,
      });
    });
  });

  describe('a file', () => {
    it('is taken up to the largest size, and no longer', async () => {
      const { intake } = world.build({ config: { maxFileBytes: 1000 } });

      expect(await intake.create(caller, { ...request, size: 1000 })).toMatchObject({ created: true });
      await expect(intake.create(caller, { ...request, size: 1001 })).rejects.toMatchObject({
        code: 'file_too_large',
        places: [{ pointer: '/size', detail: 'must be at most 1000' }],
      });
    });

    it.each<[mode: UploadRequest['mode'], size: number, parts: boolean]>([
      [undefined, 100, false],
      [undefined, 101, true],
      ['auto', 100, false],
      ['auto', 101, true],
      ['single', 101, false],
      ['multipart', 100, true],
    ])(
      'in mode %s of %d bytes, where parts begin above 100, is sent in parts: %s',
      async (mode, size, parts) => {
        const intake = limitedTo({ multipartThresholdBytes: 100 });

        const { upload } = await intake.create(caller, { ...request, mode, size });

        const { multipart } = await world.find(upload.id);
        expect(multipart?.partSize).toBe(parts ? world.config.limits.partSizeBytes : undefined);
        expect(await underWay(world, upload)).toEqual(parts ? [multipart?.uploadId] : []);
      },
    );

    it('is not taken for a work item that IPD does not have', async () => {
      await world.ipdSettings({ missingIssues: [issueId] });

      await expect(world.intake.create(caller, request)).rejects.toMatchObject({ code: 'work_item_missing' });
    });

    it('is counted', async () => {
      const intake = limitedTo({ uploadsPerMinute: 1 });
      const by = someone();

      expect(await intake.create(by, request)).toMatchObject({ created: true });
      await expect(intake.create(by, request)).rejects.toMatchObject({ code: 'rate_limited' });
    });

    it('that was begun in parts stays so where it is begun in one piece as well', async () => {
      const id = randomUUID();
      const about = { ...request, ...caller, filename: request.filename };
      const inParts = await world.intake.begin({ ...about, cut: { partSize: 5_242_880 } }, id);

      const again = await world.intake.begin({ ...about, cut: undefined }, id);

      expect(again).toEqual({ created: false, upload: inParts.upload });
      expect(await underWay(world, again.upload)).toEqual([inParts.upload.multipart?.uploadId]);
      expect(world.s3.requests).not.toContainEqual(
        expect.objectContaining({ operation: 'AbortMultipartUpload', key: `staging/${id}` }),
      );
    });

    it('keeps the multipart upload that its record names when the answer of the table got lost', async () => {
      const { documents } = world.connectTable();
      // As the SDK does it after a lost answer.
      documents.middlewareStack.add(
        (next) => async (args) => {
          if (recordPut.safeParse(args.input).success) await next(args);
          return next(args);
        },
        { step: 'initialize', name: 'lose-the-answer' },
      );
      const { intake } = world.build({ documents });

      const { upload } = await intake.create(caller, { ...request, mode: 'multipart' });

      expect(upload).toEqual(await world.find(upload.id));
      expect(await underWay(world, upload)).toEqual([upload.multipart?.uploadId]);
    });
  });

  describe('the limits', () => {
    it('say that files go on to IPD, or when they will', async () => {
      const before = await world.intake.limits();
      await world.faults([{ match: { operation: 'list' }, fault: { kind: 'signatureFailed' } }]);
      await world.intake.create(caller, request);
      const after = await world.intake.limits();

      expect(before.breaker).toEqual({ state: 'closed' });
      expect(after.breaker).toEqual({ state: 'open', retryAfterSeconds: 310 });
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
      // It is found even where no new one would be taken.
      await world.ipdSettings({ missingIssues: [issueId] });

      const again = await world.intake.create(caller, request, key);

      expect(again).toEqual({ created: false, upload: await world.find(upload.id) });
    });

    it('gives the earlier upload where that is retried and delivered in the midst of a new beginning', async () => {
      const key = randomUUID();
      const about = { ...request, issueId: `${issueId}1` };
      const { upload } = await world.intake.create(caller, about, key);
      const { presigned } = await world.uploads.presign(upload);
      await world.putFile(oneRequest(presigned), randomBytes(10));
      await world.uploads.complete(caller, upload.id);
      await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
      expect(await world.next(upload.id)).toMatchObject({ status: 'failed' });
      const { intake } = world.build(
        during(async () => {
          await world.uploads.retry(caller, upload.id);
          await world.next(upload.id);
        }),
      );

      const again = await intake.create(caller, about, key);

      const delivered = await world.find(upload.id);
      expect(delivered).toMatchObject({ status: 'delivered' });
      expect(again).toEqual({ created: false, upload: delivered });
      expect(await world.intake.create(caller, about, key)).toEqual({ created: false, upload: delivered });
      expect(await world.received()).toHaveLength(1);
    });

    it('is refused where another request takes it in the midst of the call', async () => {
      const key = randomUUID();
      const { intake } = world.build(
        during(() => world.intake.create(caller, { ...request, filename: 'other.pdf' }, key)),
      );

      await expect(intake.create(caller, request, key)).rejects.toMatchObject({
        code: 'idempotency_key_reused',
      });
    });

    it('is none where there is no key, also beside one with the name undefined', async () => {
      const { upload } = await world.intake.create(caller, request, 'undefined');

      const other = await world.intake.create(caller, request);

      expect(other.created).toBe(true);
      expect(other.upload.id).not.toBe(upload.id);
    });

    it('leaves one multipart upload after ten calls at the same time', async () => {
      const key = randomUUID();
      const inParts = { ...request, mode: 'multipart' } as const;

      const all = await Promise.all(
        Array.from({ length: 10 }, () => world.intake.create(caller, inParts, key)),
      );

      const { multipart, id } = await world.find(all[0]?.upload.id ?? '');
      expect(await underWay(world, { id })).toEqual([multipart?.uploadId]);
    });

    it('leaves a file that came in parts alone, also in a call that would have sent it in one piece', async () => {
      const key = randomUUID();
      const bytes = randomBytes(10);
      // As while new settings are deployed.
      const [before, after] = [{ multipartThresholdBytes: 1 }, { multipartThresholdBytes: 1000 }];
      const intake = limitedTo(
        after,
        during(async () => {
          const { upload } = await limitedTo(before).create(caller, request, key);
          await putParts(partsOf((await world.uploads.presign(upload)).presigned), bytes, world.putFile);
          await world.uploads.complete(caller, upload.id);
        }),
      );

      const { created, upload } = await intake.create(caller, request, key);

      expect({ created, status: upload.status }).toEqual({ created: false, status: 'staged' });
      expect(await world.isStaged(upload.id)).toBe(true);
    });

    it('goes on under the id that it is bound to when the creation was interrupted', async () => {
      const key = randomUUID();
      const { upload } = await world.intake.create(caller, request, key);
      const documents = world.documents;
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
