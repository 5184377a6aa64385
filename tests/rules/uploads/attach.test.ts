import { describe, expect, it } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import { useMeanwhile } from '../../support/meanwhile.ts';
import { sha256 } from '../../support/sha256.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

// A file goes in one piece here, even above the threshold.
const world = await useWorld({ environment: { MULTIPART_THRESHOLD_BYTES: '1' } });
const servicesWhere = useMeanwhile(world);

const hello = Buffer.from('hello');
const about = { projectId, issueId, filename: 'a.txt', contentType: 'text/plain' };

const someone = () => ({ owner: randomUUID(), projects: '*' as const });
const stored = (id: string): number =>
  world.s3.requests.filter(({ method, key }) => method === 'PUT' && key === `staging/${id}`).length;

/** The call of a function that has `ms` left, of which it sleeps some; `happens` while it sleeps. */
function callFor(ms: number, happens: () => Promise<unknown> = async () => undefined) {
  const pauses: number[] = [];
  const until = world.clock.now() + ms;
  let asked = 0;
  const clock: typeof world.clock = {
    ...world.clock,
    now() {
      asked += 1;
      if (asked > 1000) throw new Error('it waits without an end');
      return world.clock.now();
    },
    async sleep(pause) {
      pauses.push(pause);
      world.clock.advance(pause);
      if (world.clock.now() > until) throw new Error('it sleeps too long');
      await happens();
    },
  };
  const { attach } = world.build({ clock });
  return { pauses, until, attach: attach.attach };
}

async function idOf({ owner }: { owner: string }): Promise<string> {
  const { views } = await world.uploads.list({ owner, projects: '*' }, { isOpen: false, limit: 1 });
  return views[0]?.upload.id ?? '';
}

describe('a file that is attached in one call', () => {
  it('is stored in one piece, and its delivery is asked for', async () => {
    const caller = someone();
    const { attach, until } = callFor(0);

    const { id } = await attach(caller, { ...about, bytes: hello }, { until });

    const upload = await world.find(id);
    expect(upload).toMatchObject({ ...about, owner: caller.owner, status: 'staged', sha256: sha256(hello) });
    expect(upload).not.toHaveProperty('multipart.uploadId');
    expect(await world.staging.head(`staging/${id}`)).toMatchObject({ size: 5 });
    const messages = await world.requestsFor(id);
    expect(messages.map((message) => JSON.parse(message))).toEqual([
      { uploadId: id, attempt: 1, isArrival: true },
    ]);
  });

  it('is answered for as soon as IPD has it', async () => {
    const caller = someone();
    const { attach, until, pauses } = callFor(60_000, async () => {
      await world.delivery.onRequest({ uploadId: await idOf(caller), attempt: 1 }, world.run());
    });

    const upload = await attach(caller, { ...about, bytes: hello }, { until });

    expect(upload).toMatchObject({ status: 'delivered' });
    expect(pauses).toEqual([150]);
  });

  it.each([
    [0, []],
    [150, []],
    [151, [150]],
    [360, [150]],
    [361, [150, 210]],
  ])('is answered for before %d ms are over, with the pauses %j', async (ms, expected) => {
    const { attach, until, pauses } = callFor(ms);

    await attach(someone(), { ...about, bytes: hello }, { until });

    expect(pauses).toEqual(expected);
  });

  it('is asked about at least each second', async () => {
    const { attach, until, pauses } = callFor(30_000);

    expect(await attach(someone(), { ...about, bytes: hello }, { until })).toMatchObject({
      status: 'staged',
    });

    expect(Math.max(...pauses)).toBe(1000);
    expect(until - world.clock.now()).toBeLessThanOrEqual(1000);
  });

  it('is not stored again by a call with the same key once it is delivered', async () => {
    const caller = someone();
    const key = randomUUID();
    const first = callFor(0);
    const { id } = await first.attach(caller, { ...about, bytes: hello }, { key, until: first.until });
    await world.next(id);
    const again = callFor(60_000);

    const upload = await again.attach(caller, { ...about, bytes: hello }, { key, until: again.until });

    expect(upload).toMatchObject({ id, status: 'delivered' });
    expect(again.pauses).toEqual([]);
    expect(stored(id)).toBe(1);
    expect(await world.isStaged(id)).toBe(false);
  });

  it('goes on where an earlier call with the same key died before it was stored', async () => {
    const caller = someone();
    const key = randomUUID();
    const request = { ...about, size: 5, sha256: sha256(hello), mode: 'single' } as const;
    const { upload: begun } = await world.intake.create(caller, request, key);
    const { attach, until } = callFor(200);

    const upload = await attach(caller, { ...about, bytes: hello }, { key, until });

    expect(upload).toMatchObject({ id: begun.id, status: 'staged' });
    expect(await world.isStaged(begun.id)).toBe(true);
  });

  it('is not delivered when its upload is cancelled while it is stored', async () => {
    const caller = someone();
    const { attach } = servicesWhere({ after: PutObjectCommand }, async () =>
      world.uploads.cancel(caller, await idOf(caller)),
    );

    const until = world.clock.now() + 1000;
    const upload = await attach.attach(caller, { ...about, bytes: hello }, { until });

    expect(upload).toMatchObject({ status: 'cancelled' });
    expect(await world.requestsFor(upload.id)).toEqual([]);
  });

  it('is answered for as it was read last where its record is gone', async () => {
    const caller = someone();
    const { attach, until, pauses } = callFor(500, async () => {
      if (pauses.length > 1) return;
      await world.documents.send(
        new DeleteCommand({
          TableName: world.config.table,
          Key: { pk: `upload#${await idOf(caller)}` },
        }),
      );
    });

    const upload = await attach(caller, { ...about, bytes: hello }, { until });

    expect(upload).toMatchObject({ owner: caller.owner, filename: 'a.txt' });
    expect(pauses).toEqual([150, 210]);
  });

  it('is not stored where the upload is refused', async () => {
    const caller = { owner: randomUUID(), projects: [] };
    const { attach, until } = callFor(0);

    await expect(attach(caller, { ...about, bytes: hello }, { until })).rejects.toMatchObject({
      code: 'project_forbidden',
    });

    expect(await idOf(caller)).toBe('');
  });
});
