import { beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { uploadKey } from '../../../lib/ledger/uploads.ts';
import { stage } from '../../../lib/domain/lifecycle.ts';
import { useWorld } from '../../support/use-world.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';

const versioned = z.object({ version: z.int() });
const keyed = z.object({ Key: z.object({ pk: z.string() }) });
const put = z.object({ Item: z.object({ pk: z.string() }) });
const soon = () => AbortSignal.timeout(300_000);

const world = await useWorld();

/** Only time opens and closes the breaker here. */
async function openUntil(time: number): Promise<void> {
  const { version } = versioned.parse((await world.ledger.readState('breaker')) ?? { version: 0 });
  await world.ledger.writeState('breaker', version, { openings: 1, openUntil: time });
}

/** A sweep of its own, and what it reads and writes. */
function watched() {
  const { documents } = world.connectTable();
  const seen: { read: string[]; written: string[] } = { read: [], written: [] };
  documents.middlewareStack.add(
    (next) => async (args) => {
      const read = keyed.safeParse(args.input).data;
      const written = put.safeParse(args.input).data;
      if (read !== undefined) seen.read.push(read.Key.pk);
      if (written !== undefined) seen.written.push(written.Item.pk);
      return next(args);
    },
    { step: 'initialize', name: 'watch' },
  );
  return { ...seen, sweep: world.build({ documents }).sweep };
}

/** One whose event was lost. */
async function staged(): Promise<string> {
  const bytes = randomBytes(10);
  const upload = await world.stage(bytes);
  const { etag, size } = world.arrival(upload, bytes);
  const moment = { now: world.clock.now(), policy: world.config.policy };
  await world.ledger.change(upload.id, (before) => stage(before, { etag, size }, moment));
  return upload.id;
}

async function failing(fault: object): Promise<string> {
  await world.faults([fault]);
  const { id } = await world.deliver();
  await world.faults([]);
  return id;
}

describe('while nothing may be delivered', () => {
  it.each<[string, () => Promise<string>]>([
    ['staged', staged],
    ['waiting', () => failing({ match: { operation: 'list' }, fault: { kind: 'internalError' } })],
    ['unconfirmed', () => failing({ match: { operation: 'upload' }, fault: { kind: 'lostAnswer' } })],
  ])('an upload that is %s is read once in an hour, and nothing is written', async (status, make) => {
    const id = await make();
    const upload = await world.find(id);
    expect(upload.status).toBe(status);
    world.clock.set(Date.parse(upload.dueAt ?? ''));
    await openUntil(world.clock.now() + 9 * HOUR_MS);
    const { sweep, read, written } = watched();
    const reads = () => read.filter((pk) => pk === uploadKey(id)).length;

    await sweep.run(soon());
    world.clock.advance(HOUR_MS - 1);
    await sweep.run(soon());
    const before = reads();
    world.clock.advance(1);
    const { done, queued } = await sweep.run(soon());

    expect([before, reads(), done, queued]).toEqual([0, 1, 1, 0]);
    expect(written).toEqual([]);
  });
});

describe('a slot', () => {
  beforeEach(() => {
    // The minute before has its own.
    world.clock.advance(MINUTE_MS);
  });

  it('is the trial of an open breaker whose time is over within the minute', async () => {
    const id = await staged();
    world.clock.set(Date.parse((await world.find(id)).dueAt ?? ''));

    await openUntil(world.clock.now() + MINUTE_MS + 1);
    const later = await world.sweep.run(soon());
    await openUntil(world.clock.now() + MINUTE_MS);
    const within = await world.sweep.run(soon());

    expect([later.queued, within.queued]).toEqual([0, 1]);
  });

  it('is not asked for by a sweep that is to end', async () => {
    const id = await staged();
    world.clock.advance(HOUR_MS);

    expect(await world.sweep.run(AbortSignal.abort())).toEqual({ done: 0, queued: 0 });
    expect(await world.requestsFor(id)).toEqual([]);
  });
});
