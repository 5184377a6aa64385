/** Bugs that the simulation has found, each repeated as a short test without randomness. */
import { describe, expect, it } from '@jest/globals';
import { CopyObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { isFinal, linkedKey, stagingKey } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { refusal } from '../ends/refusal.ts';
import { quietProfile } from './faults.ts';
import { createRandom } from './random.ts';
import { createPlatform } from './platform.ts';
import { issueIdOf, plainPlan, play, projectId } from './users.ts';
import type { Plan } from './users.ts';
import { createWorld } from './world.ts';
import type { Linking } from './world.ts';
import type { Rule } from './wire.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';

function startStory({ linking }: { linking?: Linking } = {}) {
  const random = createRandom('story');
  const world = createWorld({ random, profile: quietProfile, uploadDeadlineHours: 24, linking });
  const platform = createPlatform(world);
  const plan: Plan = { ...plainPlan, issueId: issueIdOf(0), bytes: random.bytes(1000), putAfter: [100] };
  return {
    world,
    platform,
    user: (changes: Partial<Plan> = {}) => play({ ...plan, ...changes }, { world, platform }),
    /** Lets time pass until this is so, or for two days. */
    until: async (isSo: () => boolean): Promise<void> => {
      const horizon = world.time.now() + 48 * HOUR_MS;
      await world.time.run(() => isSo() || world.time.now() >= horizon);
    },
    find: (id: string | undefined): Upload | undefined => world.find(id ?? ''),
    held: () => world.ipd.admin.attachments().length,
  };
}

describe('what the simulation has found', () => {
  it("a proxy's page in place of an attachment is no evidence about that attachment", async () => {
    const { world, user, until, find, held } = startStory();
    const start = world.time.now();
    let sent = 0;
    world.rules.of = ({ operation }): Rule | undefined => {
      if (operation === 'upload') sent += 1;
      if (operation === 'upload' && sent === 1) return 'lostAnswer';
      return operation === 'download' && world.time.now() < start + 30 * MINUTE_MS
        ? 'htmlSuccess'
        : undefined;
    };

    const story = user();
    await until(() => find(story.uploadId)?.status === 'delivered');

    expect(find(story.uploadId)).toMatchObject({ status: 'delivered', attachmentId: expect.any(String) });
    expect(find(story.uploadId)?.mismatches).toBeUndefined();
    expect(held()).toBe(1);
  });

  it('the check for a second copy does not take the attachment of an equal file', async () => {
    const { world, user, until, find, held } = startStory();
    const first = user();
    await until(
      () => find(first.uploadId)?.status === 'delivered' && find(first.uploadId)?.dueAt === undefined,
    );
    const { services } = world.createWorker('test');
    const recheckAt = new Date(world.time.now() + 11 * MINUTE_MS).toISOString();
    void services.ledger.change(first.uploadId ?? '', (upload) => ({
      ...upload,
      recheckAt,
      dueAt: recheckAt,
    }));
    await until(() => find(first.uploadId)?.dueAt === recheckAt);

    const second = user();
    await until(
      () => find(second.uploadId)?.status === 'delivered' && find(first.uploadId)?.dueAt === undefined,
    );

    expect(find(first.uploadId)?.duplicates ?? []).toEqual([]);
    expect(find(second.uploadId)).toMatchObject({ status: 'delivered', attachmentId: expect.any(String) });
    expect(held()).toBe(2);
  });

  it('a doubt that was resolved before a throttle does not return when IPD then refuses for good', async () => {
    const { world, user, until, find, held } = startStory();
    world.rules.of = (): Rule => 'unreachable';
    const story = user();
    await until(() => find(story.uploadId)?.status === 'waiting');
    let sent = 0;
    world.rules.of = ({ operation }): Rule | undefined => {
      if (operation === 'upload') sent += 1;
      if (operation === 'upload') return 'throttled';
      return operation === 'list' && sent > 0 ? 'projectMissing' : undefined;
    };
    const { services } = world.createWorker('test');
    const longAgo = new Date(world.time.now() - HOUR_MS).toISOString();
    void services.ledger.change(story.uploadId ?? '', (upload) =>
      upload.status === 'waiting'
        ? { ...upload, status: 'unconfirmed', doubt: { since: longAgo, absences: 1, accepted: false } }
        : undefined,
    );

    await until(() => find(story.uploadId)?.status === 'failed');

    expect(sent).toBe(1);
    expect(find(story.uploadId)).toMatchObject({ lastError: { code: 'work_item_missing' } });
    expect(held()).toBe(0);
  });

  it('a check for a second copy that comes before the file is removed leaves no file behind', async () => {
    const { world, user, until, find } = startStory();
    world.rules.of = (): Rule => 'unreachable';
    const story = user();
    await until(() => find(story.uploadId)?.status === 'waiting');
    world.rules.of = () => undefined;
    const { services } = world.createWorker('test');
    const id = story.uploadId ?? '';
    const now = new Date(world.time.now()).toISOString();
    const dueAt = new Date(world.time.now() + 20 * MINUTE_MS).toISOString();
    void services.ledger.change(id, (upload) => ({
      ...upload,
      status: 'delivered',
      attachmentId: null,
      deliveredAt: now,
      recheckAt: now,
      dueAt,
    }));
    await until(() => find(id)?.status === 'delivered');
    expect(world.objects.has(stagingKey(id))).toBe(true);

    world.queue.send(JSON.stringify({ uploadId: id, attempt: 9 }));
    await until(() => find(id)?.dueAt === undefined);

    expect(world.time.now()).toBeLessThan(Date.parse(dueAt));
    expect(world.objects.has(stagingKey(id))).toBe(false);
  });

  it('a reader that takes only the first due upload reaches every shard of the index', async () => {
    const { world, platform, until } = startStory();
    const { services } = world.createWorker('test');
    const body = { projectId, issueId: issueIdOf(0), filename: 'f', contentType: 'a/b', size: 1 };
    const call = { route: 'POST /v1/uploads', body };
    const firsts = new Set<string>();
    let isDone = false;

    async function takeFirsts(): Promise<void> {
      for (let count = 0; count < 64; count += 1) await platform.api(call);
      for (let count = 0; count < 100; count += 1) {
        for await (const { id } of services.ledger.due(world.time.now() + HOUR_MS, 'people')) {
          firsts.add(id);
          break;
        }
      }
      isDone = true;
    }
    void takeFirsts();
    await until(() => isDone);

    // One of each of the eight shards.
    expect(firsts.size).toBe(8);
  });
});

describe('what was found of links', () => {
  const linking: Linking = { most: 100, days: 365 };

  it('an outage longer than the retry window ends no link, though no attachment is sent meanwhile', async () => {
    const { world, user, until, find } = startStory({ linking });
    const backAt = world.time.now() + 30 * HOUR_MS;
    world.rules.of = (): Rule | undefined => (world.time.now() < backAt ? 'unreachable' : undefined);
    const story = user();

    await until(() => isFinal({ status: find(story.uploadId)?.status ?? '' }));

    expect(find(story.uploadId)).toMatchObject({ status: 'delivered', link: {} });
  });

  it('a copy of which no link was made goes with an upload that is cancelled', async () => {
    const { world, user, until, find } = startStory({ linking });
    world.rules.of = ({ operation }): Rule | undefined =>
      operation === 'linkCreate' ? { kind: 'throttled', retryAfterSeconds: 3600 } : undefined;
    const story = user({ cancelAfter: 10 * MINUTE_MS });
    const id = () => story.uploadId ?? '';
    await until(() => world.objects.has(linkedKey(id())));

    await until(() => find(id())?.status === 'cancelled' && find(id())?.dueAt === undefined);

    expect(find(id())?.status).toBe('cancelled');
    expect(world.linkedFiles().size).toBe(0);
  });

  it('storage that does not say whether the copy is there does not make the file a replaced one', async () => {
    const { world, user, until, find } = startStory({ linking });
    world.rules.of = ({ operation }): Rule | undefined =>
      operation === 'linkCreate' && world.time.elapsed() < MINUTE_MS ? 'throttled' : undefined;
    const { execute } = world.objects;
    let asked = 0;
    world.objects.execute = (command, reading) => {
      const isAsked =
        command instanceof HeadObjectCommand && command.input.Key?.startsWith('linked/') === true;
      if (isAsked) asked += 1;
      if (isAsked && asked === 1) throw refusal(503, 'SlowDown');
      return execute(command, reading);
    };
    const story = user();

    await until(() => isFinal({ status: find(story.uploadId)?.status ?? '' }));

    expect(asked).toBeGreaterThan(1);
    expect(find(story.uploadId)).toMatchObject({ status: 'delivered', link: {} });
  });

  it('a check of a link that ends after the link was taken back does not count as the check of the removal', async () => {
    const { world, platform, user, until, find } = startStory({ linking });
    const story = user();
    const id = () => story.uploadId ?? '';
    await until(() => find(id())?.status === 'delivered');
    const recheckAt = new Date(world.time.now() + 28 * MINUTE_MS).toISOString();
    const { services } = world.createWorker('test');
    void services.ledger.change(id(), (upload) => ({ ...upload, recheckAt, dueAt: recheckAt }));
    let asked = 0;
    world.rules.of = ({ operation }): Rule | undefined => {
      if (operation === 'linkList') asked += 1;
      return operation === 'linkList' && asked === 1 ? { kind: 'noPermission', delaySeconds: 5 } : undefined;
    };
    await until(() => Object(find(id())).recheckLease !== undefined);
    void platform.api({
      route: 'DELETE /v1/uploads/{id}',
      parameters: { id: id() },
      claims: { sub: find(id())?.owner ?? '' },
    });
    // The message that asks for the removal is lost, so the check is over before the sweep asks for it.
    await until(() => find(id())?.status === 'removed' && world.queue.all().length === 2);
    for (const message of world.queue.all()) world.queue.remove(message.id);

    await until(() => find(id())?.dueAt === undefined);

    expect(world.linkedFiles().size).toBe(0);
    expect(world.ipd.admin.links()).toEqual([]);
  });

  it('a copy that comes after the linked file was removed is removed as well', async () => {
    const { world, user, until, find } = startStory({ linking });
    const story = user({
      link: { removeLinkAfter: [10 * MINUTE_MS], removeLinkByOperatorAfter: [], reads: [] },
    });
    const id = () => story.uploadId ?? '';
    await until(() => world.objects.has(linkedKey(id())));
    const copy = new CopyObjectCommand({
      Bucket: 'staging',
      Key: linkedKey(id()),
      CopySource: `staging/${linkedKey('kept')}`,
    });
    world.objects.execute(
      new CopyObjectCommand({
        Bucket: 'staging',
        Key: linkedKey('kept'),
        CopySource: `staging/${linkedKey(id())}`,
      }),
    );
    await until(() => find(id())?.status === 'removed' && !world.objects.has(linkedKey(id())));
    world.objects.execute(copy);

    await until(() => find(id())?.dueAt === undefined);

    expect(world.objects.has(linkedKey(id()))).toBe(false);
  });
});
