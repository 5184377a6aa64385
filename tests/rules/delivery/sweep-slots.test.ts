import { beforeEach, describe, expect, it } from '@jest/globals';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Upload } from '../../../lib/domain/upload.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../lib/domain/units.ts';
import { uploadKey } from '../../../lib/ledger/uploads.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';

const soon = () => AbortSignal.timeout(300_000);
const versioned = z.object({ version: z.int() });
const get = z.object({ Key: z.object({ pk: z.string() }) });

const world = await useWorld();
/** Another minute, with slots of its own. */
beforeEach(() => world.clock.advance(MINUTE_MS));

const one = { config: { deliveriesPerMinute: 1 } };
const iso = (ms: number): string => new Date(ms).toISOString();

/** An upload whose next delivery has been due for so long. */
async function overdue(
  ms: number,
  status: 'staged' | 'waiting' | 'unconfirmed' = 'waiting',
  more: Pick<Upload, 'source'> = {},
) {
  const { id } = await world.create(randomBytes(10));
  const now = world.clock.now();
  const doubt = { since: iso(now), absences: 0, accepted: false };
  const { upload } = await world.ledger.change(id, (before) => ({
    ...before,
    status,
    doubt,
    etag: 'e',
    stagedAt: iso(now),
    retryUntil: iso(now + HOUR_MS),
    dueAt: iso(now - ms),
    ...more,
  }));
  return upload;
}

/** Uploads of producers, due for longer than any of people. */
async function overdueDrops(count: number): Promise<Upload[]> {
  const source = { kind: 'drop' as const, key: 'ingest/a', etag: 'e', offer: iso(0) };
  return Promise.all(Array.from({ length: count }, () => overdue(5 * MINUTE_MS, 'staged', { source })));
}

/** A delivered upload that is to be checked for a second copy. */
async function dueForCheck(): Promise<Upload> {
  const { id } = await world.deliver();
  const recheckAt = iso(world.clock.now());
  const { upload } = await world.ledger.change(id, (before) =>
    before.status === 'delivered' ? { ...before, recheckAt, dueAt: recheckAt } : undefined,
  );
  return upload;
}

async function setBreaker(value: object): Promise<void> {
  const { version } = versioned.parse((await world.ledger.readState('breaker')) ?? { version: 0 });
  await world.ledger.writeState('breaker', version, { openings: 1, ...value });
}

/** A sweep before whose first read of a record another run has dealt with that upload. */
function overtakenSweep() {
  const { documents } = world.connectTable();
  let overtaken: string | undefined;
  documents.middlewareStack.add(
    (next) => async (args) => {
      const [, id] = /^upload#(.*)$/.exec(get.safeParse(args.input).data?.Key.pk ?? '') ?? [];
      if (id !== undefined && overtaken === undefined) {
        overtaken = id;
        const dueAt = iso(world.clock.now() + 15 * MINUTE_MS);
        await world.ledger.change(id, (before) => ({ ...before, dueAt }));
      }
      return next(args);
    },
    { step: 'initialize', name: 'overtake' },
  );
  return { sweep: world.build({ documents }).sweep, overtaken: () => overtaken };
}

/** For which of them a delivery was asked: it has a quarter of an hour to begin. */
async function askedFor(uploads: Upload[]): Promise<Upload[]> {
  const dueAt = iso(world.clock.now() + 15 * MINUTE_MS);
  const found = await Promise.all(uploads.map(({ id }) => world.find(id)));
  return uploads.filter((_upload, index) => found[index]?.dueAt === dueAt);
}

describe('the slots of a minute', () => {
  it.each(['staged', 'waiting', 'unconfirmed'] as const)(
    'limit the deliveries of uploads that are %s',
    async (status) => {
      const uploads = [await overdue(SECOND_MS, status), await overdue(SECOND_MS, status)];

      const result = await world.build(one).sweep.run(soon());

      expect(result).toMatchObject({ queued: 1 });
      expect(await askedFor(uploads)).toHaveLength(1);
    },
  );

  it('limit the checks for a second copy: one without a slot stays due', async () => {
    const uploads = [await dueForCheck(), await dueForCheck()];

    const first = await world.build(one).sweep.run(soon());
    const asked = await askedFor(uploads);
    const left = uploads.find((upload) => !asked.includes(upload));
    const leftAfter = await world.find(left?.id ?? '');
    world.clock.advance(MINUTE_MS);
    const second = await world.build(one).sweep.run(soon());

    expect(first).toEqual({ done: 2, queued: 1 });
    expect(asked).toHaveLength(1);
    expect(leftAfter).toEqual(left);
    expect(second).toEqual({ done: 1, queued: 1 });
  });

  it('are as many as the reduced rate allows', async () => {
    const uploads = [await overdue(SECOND_MS), await overdue(SECOND_MS)];
    await setBreaker({ rate: 1 });

    expect(await world.sweep.run(soon())).toMatchObject({ queued: 1 });
    expect(await askedFor(uploads)).toHaveLength(1);
  });

  it('are given by one run of a minute, however many there are', async () => {
    const uploads = [await overdue(SECOND_MS), await overdue(SECOND_MS), await overdue(SECOND_MS)];

    const first = await world.build(one).sweep.run(soon());
    const second = await world.build(one).sweep.run(soon());

    expect([first.queued, second.queued]).toEqual([1, 0]);
    expect(await askedFor(uploads)).toHaveLength(1);
  });

  it('are one when the breaker is open until the next run: that delivery finds out whether IPD is back', async () => {
    await overdue(SECOND_MS);
    await overdue(SECOND_MS);
    await setBreaker({ openUntil: world.clock.now() + MINUTE_MS });

    expect(await world.sweep.run(soon())).toMatchObject({ queued: 1 });
  });

  it('are not used up by a run that gives none, since the breaker is open', async () => {
    await overdue(SECOND_MS);
    await setBreaker({ openUntil: world.clock.now() + 5 * MINUTE_MS });

    const open = await world.sweep.run(soon());
    await setBreaker({ openings: 0 });
    const closed = await world.sweep.run(soon());

    expect(open).toEqual({ done: 0, queued: 0 });
    expect(closed).toEqual({ done: 1, queued: 1 });
  });
});

describe('the slots of producers', () => {
  // Three quarters of the rate are the sweep's: twelve slots.
  const twelve = { config: { deliveriesPerMinute: 16 } };

  it('are a quarter of them while people wait, who come first', async () => {
    const drops = await overdueDrops(5);
    const people = [await overdue(SECOND_MS), await overdue(SECOND_MS)];

    const result = await world.build(twelve).sweep.run(soon());

    expect(result).toMatchObject({ queued: 5 });
    expect(await askedFor(people)).toHaveLength(2);
    expect(await askedFor(drops)).toHaveLength(3);
  });

  it('are all of them when no person waits', async () => {
    const drops = await overdueDrops(13);

    expect(await world.build(twelve).sweep.run(soon())).toMatchObject({ queued: 12 });
    expect(await askedFor(drops)).toHaveLength(12);
  });

  it('are what people leave', async () => {
    const drops = await overdueDrops(2);
    await overdue(SECOND_MS);

    expect(await world.build(one).sweep.run(soon())).toMatchObject({ queued: 1 });
    expect(await askedFor(drops)).toEqual([]);
  });
});

describe('a run of the sweep', () => {
  it('takes what is due when the next run begins', async () => {
    const upload = await world.create(randomBytes(10));

    const result = await world.sweep.run(soon());

    expect(Date.parse(upload.dueAt ?? '') - world.clock.now()).toBe(MINUTE_MS);
    expect(result).toEqual({ done: 1, queued: 0 });
    expect(await world.find(upload.id)).toMatchObject({ stagingChecks: 1 });
  });

  it.each([
    [30 * SECOND_MS, 0],
    [HOUR_MS - 1, 0],
    [HOUR_MS, 1],
    [HOUR_MS + MINUTE_MS - 1, 1],
    [HOUR_MS + MINUTE_MS, 0],
    [1.5 * HOUR_MS, 0],
    [3 * HOUR_MS, 1],
  ])(
    'reads an upload without a slot once in each overdue hour, and does not ask for it: after %i ms %i times',
    async (ms, done) => {
      const upload = await overdue(ms);
      await setBreaker({ openUntil: world.clock.now() + 5 * MINUTE_MS });

      expect(await world.sweep.run(soon())).toEqual({ done, queued: 0 });
      expect(await world.find(upload.id)).toEqual(upload);
    },
  );

  it.each(['staged', 'waiting', 'unconfirmed'] as const)(
    'does not read one that is %s in between',
    async (status) => {
      await overdue(1.5 * HOUR_MS, status);
      await setBreaker({ openUntil: world.clock.now() + 5 * MINUTE_MS });

      expect(await world.sweep.run(soon())).toEqual({ done: 0, queued: 0 });
    },
  );

  it('takes no slot for what another run has dealt with', async () => {
    await overdue(SECOND_MS);
    const { sweep, overtaken } = overtakenSweep();

    const result = await sweep.run(soon());

    expect(overtaken()).toBeDefined();
    expect(result).toEqual({ done: 0, queued: 0 });
  });

  it('passes over what the index names and is gone', async () => {
    const { id } = await overdue(SECOND_MS);
    const { documents } = world.connectTable();
    const removal = new DeleteCommand({ TableName: world.config.table, Key: { pk: uploadKey(id) } });
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (get.safeParse(args.input).data?.Key.pk === uploadKey(id)) {
          await world.documents.send(removal);
        }
        return next(args);
      },
      { step: 'initialize', name: 'remove' },
    );
    const { errors, telemetry } = collectErrors();

    expect(await world.build({ documents, telemetry }).sweep.run(soon())).toEqual({ done: 0, queued: 0 });
    expect(errors).toEqual([]);
  });
});
