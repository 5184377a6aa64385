/**
 * A delivery's process dies by SIGKILL directly after each named step, several deliveries at a time: all of them stand
 * still at the step until the last one has come there, too. The same for a link and for its removal, for the joining of
 * parts, and for the ingestion of drops and requests. And several processes that get the same event at once.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { storageEvent } from '../../support/queue-event.ts';
import { caller } from '../../support/world.ts';
import { MINUTE_MS } from '../../../lib/domain/units.ts';
import { drive } from './drive.ts';
import { openGround } from './ground.ts';
import type { Ground } from './ground.ts';
import { MOST_ATTACHED } from './plan.ts';
import { JOINED } from './seams.ts';
import type { Place, Step } from './seams.ts';

const TIMES = 5;
const SIZE = 100_000;
const HALF = SIZE / 2;
/** After this time the queue brings a message again whose function has died. */
const HIDDEN_MS = 1_800_000;

let ground: Ground;
let lastIssue = 956_239_067_176_000_000n;

beforeAll(async () => {
  ground = await openGround({ spare: 1 });
});
afterAll(() => ground.close());

describe('a delivery whose process is killed', () => {
  it.each<[string, Place, { held: number }]>([
    ['claimed', 'claimed', { held: 0 }],
    ['work item taken', 'work item taken', { held: 0 }],
    ['list read', 'list read', { held: 0 }],
    ['file opened', 'file opened', { held: 0 }],
    ['half of the file sent', HALF, { held: 0 }],
    ['fence written', 'fence written', { held: 0 }],
    ['boundary sent', 'boundary sent', { held: TIMES }],
    ['answered', 'answered', { held: TIMES }],
    ['candidate written', 'candidate written', { held: TIMES }],
    ['attachment claimed', 'attachment claimed', { held: TIMES }],
    ['state written', 'state written', { held: TIMES }],
    ['notification published', 'notification published', { held: TIMES }],
    ['file removed', 'file removed', { held: TIMES }],
  ])('ends in one attachment when it died at the step: %s', async (_name, at, { held }) => {
    const files = await Promise.all(Array.from({ length: TIMES }, stageFile));
    const victim = await ground.victims.take();

    const end = await victim.obey({
      bodies: files.map(({ event }) => event),
      auth: 'aksk',
      doom: { at, act: 'die', times: TIMES },
    });

    expect(end).toEqual({ kind: 'died' });
    await ground.quiet(0);
    expect(await attachmentsOf(files)).toHaveLength(held);

    await drive(ground, { ids: files.map(({ id }) => id) });

    const attachments = await attachmentsOf(files);
    expect(attachments).toHaveLength(TIMES);
    for (const { id, issueId, sha256 } of files) {
      const own = attachments.find((attachment) => attachment.issueId === issueId);
      expect(own?.sha256).toBe(sha256);
      expect(await ground.world.find(id)).toMatchObject({ status: 'delivered', attachmentId: own?.id });
      expect(await ground.world.isStaged(id)).toBe(false);
      const notifications = await notificationsOf(id);
      expect(notifications.map(({ type, upload }) => [type, upload.attachment?.id])).toContainEqual([
        'UploadDelivered',
        own?.id,
      ]);
      expect(new Set(notifications.map(({ deduplicationId }) => deduplicationId)).size).toBe(1);
    }
  });
});

describe('a delivery that ends in a link, and whose process is killed', () => {
  it.each<[string, Place, { held: number; areKept: boolean }]>([
    ['claimed', 'claimed', { held: 0, areKept: false }],
    ['links listed', 'links listed', { held: 0, areKept: false }],
    ['file kept', 'file kept', { held: 0, areKept: true }],
    ['fence written', 'fence written', { held: 0, areKept: true }],
    ['link made', 'link made', { held: TIMES, areKept: true }],
    ['state written', 'state written', { held: TIMES, areKept: true }],
    ['notification published', 'notification published', { held: TIMES, areKept: true }],
    ['file removed', 'file removed', { held: TIMES, areKept: true }],
  ])('ends in one link when it died at the step: %s', async (_name, at, { held, areKept }) => {
    const files = await Promise.all(Array.from({ length: TIMES }, stageLarge));
    const victim = await ground.victims.take();

    const end = await victim.obey({
      bodies: files.map(({ event }) => event),
      auth: 'aksk',
      doom: { at, act: 'die', times: TIMES },
    });

    expect(end).toEqual({ kind: 'died' });
    await ground.quiet(0);
    expect(await linksOf(files)).toHaveLength(held);
    for (const { id, sha256 } of files) {
      expect(await ground.linkedFile(id)).toBe(areKept ? sha256 : undefined);
    }

    await drive(ground, { ids: files.map(({ id }) => id) });

    const links = await linksOf(files);
    expect(links).toHaveLength(TIMES);
    expect(await attachmentsOf(files)).toEqual([]);
    for (const { id, issueId, sha256 } of files) {
      const own = links.find((link) => link.issueId === issueId);
      expect(await ground.world.find(id)).toMatchObject({ status: 'delivered', link: { id: own?.id } });
      expect(await ground.linkedFile(id)).toBe(sha256);
      expect(await ground.world.isStaged(id)).toBe(false);
      expect(await ground.services.downloads.find(id, secretIn(own?.url))).toMatch(/^http/);
      const notifications = await notificationsOf(id);
      expect(notifications.map(({ type, upload }) => [type, upload.link?.id])).toContainEqual([
        'UploadDelivered',
        own?.id,
      ]);
      expect(new Set(notifications.map(({ deduplicationId }) => deduplicationId)).size).toBe(1);
    }
  });
});

describe('a removal whose process is killed', () => {
  it.each<[Step, { held: number }]>([
    ['linked file removed', { held: TIMES }],
    ['its removal recorded', { held: TIMES }],
    ['check begun', { held: TIMES }],
    ['links listed', { held: TIMES }],
    ['link deleted', { held: 0 }],
    ['deletion recorded', { held: 0 }],
  ])('leaves no link and no file when it died at the step: %s', async (at, { held }) => {
    const files = await Promise.all(Array.from({ length: TIMES }, stageLarge));
    for (const { event } of files) ground.mailbox.put({ to: 'deliver', body: event, delayMs: 0 });
    await drive(ground, { ids: files.map(({ id }) => id) });
    // IPD's list shows a new link late.
    ground.clock.jump(MINUTE_MS);
    const secrets = new Map((await linksOf(files)).map(({ issueId, url }) => [issueId, secretIn(url)]));
    const removals = await Promise.all(
      files.map(async ({ id }) => {
        const { upload } = await ground.world.uploads.cancel(caller, id);
        return JSON.stringify({ uploadId: id, attempt: upload.attempts + 1 });
      }),
    );
    const victim = await ground.victims.take();

    const end = await victim.obey({
      bodies: removals,
      auth: 'aksk',
      doom: { at, act: 'die', times: TIMES },
    });

    expect(end).toEqual({ kind: 'died' });
    await ground.quiet(0);
    expect(await linksOf(files)).toHaveLength(held);
    for (const { id, issueId } of files) {
      expect(await ground.linkedFile(id)).toBeUndefined();
      await expect(ground.services.downloads.find(id, secrets.get(issueId) ?? '')).rejects.toMatchObject({
        code: 'not_found',
      });
    }

    await drive(ground, { ids: files.map(({ id }) => id) });

    expect(await linksOf(files)).toEqual([]);
    for (const { id } of files) {
      const { status, dueAt } = await ground.world.find(id);
      expect({ status, dueAt }).toEqual({ status: 'removed', dueAt: undefined });
      expect(await ground.linkedFile(id)).toBeUndefined();
      const notifications = await notificationsOf(id);
      expect(notifications.map(({ type }) => type)).toContain('UploadRemoved');
    }
  });
});

describe('a completion whose process is killed', () => {
  it('ends in one attachment when it died between the joining of the parts and the record of it', async () => {
    const files = await Promise.all(Array.from({ length: TIMES }, stageByParts));
    const victim = await ground.victims.take();

    const end = await victim.obey({
      completes: files.map(({ id, owner }) => ({ id, owner })),
      auth: 'aksk',
      doom: { at: JOINED, act: 'die', times: TIMES },
    });

    expect(end).toEqual({ kind: 'died' });
    for (const { id } of files) {
      expect(await ground.world.isStaged(id)).toBe(true);
      expect(await ground.world.find(id)).toMatchObject({ status: 'awaiting_upload' });
    }

    await drive(ground, { ids: files.map(({ id }) => id) });

    const attachments = await attachmentsOf(files);
    expect(attachments).toHaveLength(TIMES);
    for (const { id, issueId, sha256 } of files) {
      const own = attachments.find((attachment) => attachment.issueId === issueId);
      expect(own?.sha256).toBe(sha256);
      expect(await ground.world.find(id)).toMatchObject({ status: 'delivered', attachmentId: own?.id });
      expect(await ground.world.isStaged(id)).toBe(false);
      expect(await notificationsOf(id)).toMatchObject([{ type: 'UploadDelivered' }]);
    }
  });
});

describe('an ingestion whose process is killed', () => {
  it.each<['drop' | 'request', Step, { status: string; isCopied: boolean; isDropThere: boolean }]>([
    ['drop', 'record written', { status: 'awaiting_upload', isCopied: false, isDropThere: true }],
    ['drop', 'object copied', { status: 'awaiting_upload', isCopied: true, isDropThere: true }],
    ['drop', 'copy recorded', { status: 'staged', isCopied: true, isDropThere: true }],
    ['drop', 'drop removed', { status: 'staged', isCopied: true, isDropThere: false }],
    ['request', 'record written', { status: 'awaiting_upload', isCopied: false, isDropThere: false }],
    ['request', 'object copied', { status: 'awaiting_upload', isCopied: true, isDropThere: false }],
    ['request', 'copy recorded', { status: 'staged', isCopied: true, isDropThere: false }],
  ])('ends in one attachment of a %s when it died at the step: %s', async (by, at, then) => {
    const files = await Promise.all(Array.from({ length: TIMES }, () => offerFile(by)));
    const victim = await ground.victims.take();

    const end = await victim.obey({
      offers: files.map(({ message }) => message),
      auth: 'aksk',
      doom: { at, act: 'die', times: TIMES },
    });

    expect(end).toEqual({ kind: 'died' });
    for (const { id, drop } of files) {
      expect(await ground.world.find(id)).toMatchObject({ status: then.status });
      expect(await ground.world.isStaged(id)).toBe(then.isCopied);
      expect(await isThere(drop)).toBe(then.isDropThere);
    }

    for (const { message } of files) ground.mailbox.put({ to: 'ingest', ...message, delayMs: HIDDEN_MS });
    await drive(ground, { ids: files.map(({ id }) => id) });

    const attachments = await attachmentsOf(files);
    expect(attachments).toHaveLength(TIMES);
    for (const { id, issueId, sha256, drop } of files) {
      const own = attachments.find((attachment) => attachment.issueId === issueId);
      expect(own?.sha256).toBe(sha256);
      expect(await ground.world.find(id)).toMatchObject({ status: 'delivered', attachmentId: own?.id });
      expect(await ground.world.isStaged(id)).toBe(false);
      expect(await isThere(drop)).toBe(false);
      expect(await notificationsOf(id)).toMatchObject([
        { type: 'UploadDelivered', upload: { source: { kind: by } } },
      ]);
    }
  });

  it('is done by the sweep when the message does not come again', async () => {
    // A drop would be found by its listing, too.
    const { id, issueId, message, sha256 } = await offerFile('request');
    const victim = await ground.victims.take();
    const doom = { at: 'record written', act: 'die' } as const;
    expect(await victim.obey({ offers: [message], auth: 'aksk', doom })).toEqual({ kind: 'died' });

    await drive(ground, { ids: [id] });

    expect(await attachmentsOf([{ issueId }])).toMatchObject([{ sha256 }]);
    expect(await ground.world.find(id)).toMatchObject({ status: 'delivered' });
  });
});

describe('an ingestion whose process stands still until its upload is delivered', () => {
  it.each<[Step]>([['record written'], ['object copied'], ['copy recorded']])(
    'adds nothing and leaves nothing when it goes on from the step: %s',
    async (at) => {
      const files = [await offerFile('drop'), await offerFile('request')];
      const victims = await Promise.all(files.map(() => ground.victims.take()));
      const orders = files.map(({ message }) => ({ offers: [message] }));
      const stops = await Promise.all(
        victims.map((victim, index) =>
          victim.obey({ ...orders[index], auth: 'aksk', doom: { at, act: 'stop' } }),
        ),
      );
      expect(stops).toMatchObject([{ kind: 'stopped' }, { kind: 'stopped' }]);
      for (const { message } of files) ground.mailbox.put({ to: 'ingest', ...message, delayMs: HIDDEN_MS });
      await drive(ground, { ids: files.map(({ id }) => id) });

      const ends = await Promise.all(victims.map((victim) => victim.resume()));

      expect(ends).toEqual([{ kind: 'done' }, { kind: 'done' }]);
      expect(await attachmentsOf(files)).toHaveLength(files.length);
      for (const { id, drop } of files) {
        expect(await ground.world.find(id)).toMatchObject({ status: 'delivered' });
        expect(await ground.world.isStaged(id)).toBe(false);
        expect(await isThere(drop)).toBe(false);
        expect(await notificationsOf(id)).toHaveLength(1);
      }
    },
  );
});

describe('several processes that get the same event of a drop at once', () => {
  it('make one upload and one attachment', async () => {
    const file = await offerFile('drop');
    const victims = await Promise.all(Array.from({ length: TIMES }, () => ground.victims.take()));

    const ends = await Promise.all(
      victims.map((victim) => victim.obey({ offers: [file.message], auth: 'aksk' })),
    );

    expect(ends).toEqual(victims.map(() => ({ kind: 'done' })));
    await drive(ground, { ids: [file.id] });
    expect(await attachmentsOf([file])).toMatchObject([{ sha256: file.sha256 }]);
    const requests = ground.world.uploadRequests().filter(({ issueId }) => issueId === file.issueId);
    expect(requests).toHaveLength(1);
    expect(await isThere(file.drop)).toBe(false);
    expect(await ground.world.isStaged(file.id)).toBe(false);
  });
});

describe('several processes that get the same event at once', () => {
  it('make one upload request and one attachment', async () => {
    const file = await stageFile();
    const victims = await Promise.all(Array.from({ length: TIMES }, () => ground.victims.take()));

    const ends = await Promise.all(
      victims.map((victim) => victim.obey({ bodies: [file.event], auth: 'aksk' })),
    );

    expect(ends).toEqual(victims.map(() => ({ kind: 'done' })));
    const requests = ground.world.uploadRequests().filter(({ issueId }) => issueId === file.issueId);
    expect(requests).toHaveLength(1);
    const [own, ...others] = await attachmentsOf([file]);
    expect(others).toEqual([]);
    expect(await ground.world.find(file.id)).toMatchObject({ status: 'delivered', attachmentId: own?.id });
  });
});

describe('a delivery that ends before the step at which its process is to die', () => {
  it('is reported with its upload, while the others wait at the step', async () => {
    const [waiting, delivered] = [await stageFile(), await stageFile()];
    const victim = await ground.victims.take();
    expect(await victim.obey({ bodies: [delivered.event], auth: 'aksk' })).toEqual({ kind: 'done' });

    const end = await victim.obey({
      bodies: [waiting.event, delivered.event],
      auth: 'aksk',
      doom: { at: 'answered', act: 'die', times: 2 },
    });

    const id: unknown = expect.stringMatching(`did not come to the place "answered".*${delivered.id}`);
    expect(end).toEqual({ kind: 'failed', error: id });
  });
});

/** An upload to a work item of its own, whose event has not been handled yet. */
async function stageFile() {
  return stageBytes(randomBytes(SIZE));
}

/** The same, of a file that is to end in a link. */
async function stageLarge() {
  return stageBytes(randomBytes(MOST_ATTACHED + 1));
}

async function stageBytes(bytes: Buffer) {
  lastIssue += 1n;
  const issueId = String(lastIssue);
  const { id } = await ground.world.stage(bytes, { issueId });
  const event = JSON.stringify(storageEvent({ key: `staging/${id}`, bytes }));
  return { id, issueId, event, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The same, in parts that are not joined yet. */
async function stageByParts() {
  lastIssue += 1n;
  const issueId = String(lastIssue);
  const bytes = randomBytes(SIZE);
  const { id, owner } = await ground.stageParts(bytes, { issueId });
  return { id, owner, issueId, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** An object of a producer, and the message that offers it. */
async function offerFile(by: 'drop' | 'request') {
  lastIssue += 1n;
  const issueId = String(lastIssue);
  const bytes = randomBytes(SIZE);
  const { id, drop, body } = await ground.offer(bytes, { by, issueId, name: 'crash.log' });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { id, issueId, drop, sha256, message: { id: randomUUID(), body } };
}

/** A request has no drop. */
async function isThere(drop: string | undefined): Promise<boolean> {
  return drop !== undefined && ground.isThere(drop);
}

async function notificationsOf(id: string) {
  return (await ground.notifications()).filter(({ upload }) => upload.id === id);
}

async function linksOf(files: { issueId: string }[]) {
  const issues = new Set(files.map(({ issueId }) => issueId));
  return (await ground.links()).filter(({ issueId }) => issues.has(issueId));
}

/** The last part of a link's address. */
function secretIn(url = ''): string {
  return url.split('/').at(-1) ?? '';
}

async function attachmentsOf(files: { issueId: string }[]) {
  const issues = new Set(files.map(({ issueId }) => issueId));
  return (await ground.world.received()).filter(({ issueId }) => issues.has(issueId));
}
