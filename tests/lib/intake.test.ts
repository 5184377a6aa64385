import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DeleteCommand, DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Caller, UploadRequest } from '../../lib/intake.ts';
import { frameOverhead } from '../../lib/ipd/form.ts';
import { delivered } from '../../lib/moves.ts';
import type { Upload } from '../../lib/upload.ts';
import { putFile } from '../support/answer.ts';
import { caller, issueId, oneRequest, projectId, startWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const HOUR = 3_600_000;
const stranger: Caller = { owner: 'user-2', projects: '*' };
const request: UploadRequest = {
  projectId,
  issueId,
  filename: 'report.pdf',
  contentType: 'application/pdf',
  size: 10,
};

describe('intake', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterEach(() => world.reset());
  afterAll(() => world.stop());

  /** Services whose IPD settings differ. */
  function withIpd(ipd: Partial<World['config']['ipd']>) {
    return world.build({ config: { ipd: { ...world.config.ipd, ...ipd } } });
  }

  function change(id: string, fields: object): Promise<unknown> {
    return world.ledger.change(id, (before) => ({ ...before, ...fields }));
  }

  const iso = (ms: number): string => new Date(ms).toISOString();

  /** Ways for an upload to be over, or in doubt. */
  const endings: Record<string, (upload: Upload) => Promise<unknown>> = {
    cancelled: (upload) => world.uploads.cancel(caller, upload.id),
    expired: (upload) => change(upload.id, { status: 'expired' }),
    failed: (upload) => change(upload.id, failure()),
    delivered: (upload) =>
      world.ledger.change(upload.id, (before) =>
        delivered(before, { attachmentId: '1', now: world.clock.now(), policy: world.policy }),
      ),
    unconfirmed: (upload) => change(upload.id, { ...staged(), status: 'unconfirmed', doubt: doubt() }),
    'failed in doubt': (upload) => change(upload.id, { ...failure(), doubt: doubt() }),
    staged: (upload) => change(upload.id, { ...staged(), status: 'staged' }),
    waiting: (upload) => change(upload.id, { ...staged(), status: 'waiting' }),
    delivering: (upload) => change(upload.id, { ...delivering(), sendingAt: undefined }),
    'behind the fence': (upload) => change(upload.id, { ...delivering(), sendingAt: iso(world.clock.now()) }),
  };

  function staged(): object {
    const now = world.clock.now();
    return { etag: 'e', stagedAt: iso(now), retryUntil: iso(now + HOUR) };
  }

  function doubt(): object {
    return { since: iso(world.clock.now()), absences: 0, accepted: false };
  }

  function delivering(): object {
    return { ...staged(), status: 'delivering', lease: { token: 't', until: iso(world.clock.now() + HOUR) } };
  }

  function failure(): object {
    const at = iso(world.clock.now());
    return { status: 'failed', error: { code: 'ipd_refused', message: 'm', at }, keepUntil: at };
  }

  async function end(upload: Upload, how: string): Promise<void> {
    await endings[how]?.(upload);
    expect(await world.find(upload.id)).toMatchObject({ status: expect.stringMatching(statusOf(how)) });
  }

  function statusOf(how: string): string {
    if (how === 'behind the fence') return 'delivering';
    return how.split(' ')[0] ?? how;
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
        uploadDeadline: iso(world.clock.now() + 72 * HOUR),
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
      await end(upload, 'cancelled');
      await expect(again()).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    });

    it.each(['cancelled', 'expired', 'failed'])('starts anew after an upload that %s', async (how) => {
      const key = randomUUID();
      const { upload: first } = await world.intake.create(caller, request, key);
      await end(first, how);

      const second = await world.intake.create(caller, request, key);
      const third = await world.intake.create(caller, request, key);

      expect(second).toMatchObject({ created: true, upload: { status: 'awaiting_upload' } });
      expect(second.upload.id).not.toBe(first.id);
      expect(third).toEqual({ created: false, upload: second.upload });
    });

    it('lets nothing come of the earlier upload any more once it starts anew', async () => {
      const key = randomUUID();
      const { upload: first } = await world.intake.create(caller, request, key);
      await end(first, 'expired');
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
      await end(upload, how);

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

    it.each(['fresh', 'cancelled'])(
      'gives one upload to ten who come at the same time (%s)',
      async (kind) => {
        const key = randomUUID();
        const old =
          kind === 'cancelled' ? (await world.intake.create(caller, request, key)).upload : undefined;
        if (old !== undefined) await end(old, 'cancelled');

        const all = await Promise.all(
          Array.from({ length: 10 }, () => world.intake.create(caller, request, key)),
        );

        expect(new Set(all.map(({ upload }) => upload.id)).size).toBe(1);
        expect(all.filter(({ created }) => created)).toHaveLength(1);
        expect(all[0]?.upload.id).not.toBe(old?.id);
      },
    );
  });

  describe('the size', () => {
    it('ends at the limit', async () => {
      const { intake } = world.build({ config: { maxFileBytes: 1000 } });

      expect(await intake.create(caller, { ...request, size: 1000 })).toMatchObject({ created: true });
      await expect(intake.create(caller, { ...request, size: 1001 })).rejects.toMatchObject({
        code: 'file_too_large',
        places: [{ pointer: '/size', detail: 'must be at most 1000' }],
      });
      expect(await intake.limits()).toEqual({
        maxFileBytes: 1000,
        stagingUrlTtlSeconds: 3600,
        uploadDeadlineSeconds: 72 * 3600,
        breaker: { state: 'closed' },
      });
    });

    it('ends at 12,000,000 bytes with the form frame where there is only an access key', async () => {
      const { intake } = withIpd({ auth: 'aksk' });
      const file = { ...request, filename: '报告.pdf' };
      const largest = 12_000_000 - frameOverhead({ field: 'attachment', ...file });

      expect(await intake.create(caller, { ...file, size: largest })).toMatchObject({ created: true });
      await expect(intake.create(caller, { ...file, size: largest + 1 })).rejects.toMatchObject({
        code: 'file_too_large',
        places: [{ pointer: '/size', detail: `must be at most ${largest}` }],
      });
      const { maxFileBytes } = await intake.limits();
      expect(maxFileBytes).toBeLessThan(12_000_000);
      expect(maxFileBytes).toBeGreaterThan(11_990_000);
    });
  });

  describe('the look at the work item', () => {
    it('is left out while nobody may speak to IPD', async () => {
      await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'signatureFailed' } }]);
      await world.deliver();
      const asked = world.ipd.requests.length;

      expect(await world.intake.create(caller, request)).toMatchObject({ created: true });

      expect(world.ipd.requests).toHaveLength(asked);
    });

    it.each([
      ['work_item_missing', { missingIssues: [issueId] }],
      ['work_item_missing', { projects: [] }],
      ['ipd_forbidden', { forbiddenIssues: [issueId] }],
      ['work_item_full', { fullIssues: [issueId] }],
    ])('refuses with %s: %j', async (code, settings) => {
      const key = randomUUID();
      await world.ipdSettings(settings);

      await expect(world.intake.create(caller, request, key)).rejects.toMatchObject({ code });

      expect(await world.ledger.findKey(caller.owner, key)).toBeUndefined();
      await world.reset();
      expect(await world.intake.create(caller, request, key)).toMatchObject({ created: true });
    });

    it('lets 99 attachments pass', async () => {
      await world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count: 99 } }]);

      expect(await world.intake.create(caller, request)).toMatchObject({ created: true });
      expect(world.ipd.requests).toMatchObject([{ operation: 'list', issueId }]);
    });

    it.each([
      { kind: 'internalError' },
      { kind: 'throttled' },
      { kind: 'lostAnswer' },
      { kind: 'htmlSuccess' },
      { kind: 'signatureFailed' },
      { kind: 'notPublished' },
    ])('lets an upload pass that it cannot judge: %j', async (fault) => {
      await world.faults([{ match: { operation: 'list' }, fault }]);

      expect(await world.intake.create(caller, request)).toMatchObject({ created: true });
    });

    it.each([
      ['IPD', 'aksk', 'list'],
      ['IAM', 'token', 'token'],
    ] as const)('lets an upload pass after about 2 s when %s is slow', async (_name, auth, operation) => {
      const { intake } = withIpd({ auth });
      await world.faults([{ match: { operation }, fault: { kind: 'slowAnswer', seconds: 30 } }]);
      const started = performance.now();

      expect(await intake.create(caller, request)).toMatchObject({ created: true });

      const waited = performance.now() - started;
      expect(waited).toBeGreaterThan(1500);
      expect(waited).toBeLessThan(5000);
    });

    it.each([
      ['IPD is down', { endpoint: 'http://127.0.0.1:1' }],
      ['IAM is down', { iamEndpoint: 'http://127.0.0.1:1', auth: 'token' }],
      ['the credentials cannot be read', { credentials: { kind: 'inline', json: 'nonsense' } }],
      [
        'the credentials do not fit',
        { auth: 'token', credentials: { kind: 'inline', json: '{"accessKey":"a","secretKey":"b"}' } },
      ],
      ['there are no credentials', { credentials: undefined }],
    ] as const)('lets an upload pass when %s', async (_name, ipd) => {
      const { intake } = withIpd(ipd);

      expect(await intake.create(caller, request)).toMatchObject({ created: true });
      expect(await intake.limits()).toMatchObject({ maxFileBytes: world.config.maxFileBytes });
    });

    it('can be switched off', async () => {
      const { intake } = world.build({ config: { preflight: false } });
      await world.ipdSettings({ missingIssues: [issueId] });

      expect(await intake.create(caller, request)).toMatchObject({ created: true });

      expect(world.ipd.requests).toEqual([]);
    });

    it('is not repeated for an upload that is there already', async () => {
      const key = randomUUID();
      await world.intake.create(caller, request, key);
      await world.ipdSettings({ fullIssues: [issueId] });

      expect(await world.intake.create(caller, request, key)).toMatchObject({ created: false });
      expect(world.ipd.requests).toHaveLength(1);
    });
  });

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
  });

  describe('cancel', () => {
    it.each(['awaiting_upload', 'staged', 'waiting', 'delivering', 'failed', 'expired', 'cancelled'])(
      'takes back an upload that is %s, with its file',
      async (how) => {
        const upload = await world.stage(randomBytes(10));
        if (how !== 'awaiting_upload') await end(upload, how);

        expect(await world.uploads.cancel(caller, upload.id)).toMatchObject({ status: 'cancelled' });

        expect(await world.find(upload.id)).toMatchObject({ status: 'cancelled' });
        expect(await world.isStaged(upload.id)).toBe(false);
      },
    );

    it.each(['behind the fence', 'unconfirmed', 'delivered', 'failed in doubt'])(
      'leaves an upload that is %s, with its file',
      async (how) => {
        const upload = await world.stage(randomBytes(10));
        await end(upload, how);
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

      const retried = await world.uploads.retry(caller, failed.id);
      const [message = ''] = await world.requestsFor(failed.id);
      await world.delivery.onRequest(JSON.parse(message), world.run());

      expect(failed).toMatchObject({ status: 'failed', error: { code: 'ipd_forbidden' } });
      expect(retried).toMatchObject({ status: 'staged', failedAttempts: 0 });
      expect(await world.find(failed.id)).toMatchObject({ status: 'delivered', attempts: 2 });
      expect(await world.received()).toHaveLength(1);
    });

    it('looks for one in doubt before anything else, and does not send it twice', async () => {
      await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'lostAnswer' } }]);
      const doubtful = await world.deliver();
      await world.ipdSettings({ missingIssues: [doubtful.issueId] });
      const failed = await world.next(doubtful.id);
      await world.ipdSettings({});

      const retried = await world.uploads.retry(caller, failed.id);
      const [message = ''] = await world.requestsFor(failed.id);
      await world.delivery.onRequest(JSON.parse(message), world.run());

      expect(failed).toMatchObject({ status: 'failed', error: { code: 'outcome_unknown' } });
      expect(retried).toMatchObject({ status: 'unconfirmed' });
      expect(await world.find(failed.id)).toMatchObject({ status: 'delivered' });
      expect(world.uploadRequests()).toHaveLength(1);
    });

    it('asks once for an upload that is retried twice', async () => {
      await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
      const { id } = await world.deliver();

      await world.uploads.retry(caller, id);

      await expect(world.uploads.retry(caller, id)).rejects.toMatchObject({ code: 'upload_state_conflict' });
      expect(await world.requestsFor(id)).toHaveLength(1);
    });

    it('refuses when the file is gone', async () => {
      await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
      const failed = await world.deliver();
      await world.staging.remove(`staging/${failed.id}`);

      await expect(world.uploads.retry(caller, failed.id)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: expect.stringContaining('upload it again'),
      });

      expect(await world.find(failed.id)).toEqual(failed);
      expect(await world.requestsFor(failed.id)).toEqual([]);
    });

    it.each(['staged', 'waiting', 'delivering', 'unconfirmed', 'delivered', 'cancelled', 'expired'])(
      'refuses when the upload is %s',
      async (how) => {
        const upload = await world.stage();
        await end(upload, how);

        await expect(world.uploads.retry(caller, upload.id)).rejects.toMatchObject({
          code: 'upload_state_conflict',
          message: expect.stringContaining(how),
        });
      },
    );

    it("does not know another owner's upload", async () => {
      const { id } = await world.create(randomBytes(10));

      await expect(world.uploads.retry(stranger, id)).rejects.toMatchObject({ code: 'not_found' });
    });
  });

  describe('resign', () => {
    it('gives a URL that works while the file is awaited', async () => {
      const { upload } = await world.intake.create(caller, request);

      const { invitation } = await world.uploads.resign(caller, upload.id);

      expect(invitation?.expiresInSeconds).toBe(3600);
      const response = await putFile(oneRequest(invitation), randomBytes(10));
      expect(response.status).toBe(200);
      expect(await world.isStaged(upload.id)).toBe(true);
    });

    it('gives a URL that does not outlive the deadline', async () => {
      const { upload } = await world.intake.create(caller, request);
      const created = world.clock.now();
      try {
        world.clock.set(created + 72 * HOUR - 90_500);
        expect(await world.uploads.resign(caller, upload.id)).toMatchObject({
          invitation: { expiresInSeconds: 90 },
        });

        world.clock.set(created + 72 * HOUR);
        await expect(world.uploads.resign(caller, upload.id)).rejects.toMatchObject({
          code: 'upload_state_conflict',
        });
      } finally {
        world.clock.set(created);
      }
    });

    it.each(['staged', 'delivering', 'delivered', 'cancelled', 'expired', 'failed', 'unconfirmed'])(
      'refuses when the upload is %s',
      async (how) => {
        const { upload } = await world.intake.create(caller, request);
        await end(upload, how);

        await expect(world.uploads.resign(caller, upload.id)).rejects.toMatchObject({
          code: 'upload_state_conflict',
          message: `the upload is ${how}: no file is awaited any more`,
        });
      },
    );
  });
});
