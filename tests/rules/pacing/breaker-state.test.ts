import { beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { createBreaker } from '../../../lib/pacing/breaker.ts';
import type { Contact } from '../../../lib/domain/breaker.ts';
import type { Tries } from '../../../lib/domain/rate.ts';
import { createWholeLedger } from '../../support/ledger.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId } from '../../support/world.ts';
import { MINUTE_MS, SECOND_MS } from '../../../lib/domain/units.ts';

const kept = z.looseObject({ version: z.int(), recentOutages: z.array(z.object({})).default([]) });
const put = z.object({ Item: z.object({ pk: z.string() }) });
const FULL = 100;

const world = await useWorld();
const { lines, measured, telemetry } = collectTelemetry();
const breaker = createBreaker({ sharedState: world.ledger, clock: world.clock, telemetry });

const state = async () => kept.parse((await world.ledger.readState('breaker')) ?? { version: 0 });
const minute = (): number => Math.floor(world.clock.now() / MINUTE_MS);
const counted = () => world.ledger.readState(`tries#${minute()}`);

async function set(value: object): Promise<void> {
  await world.ledger.writeState('breaker', (await state()).version, { openings: 0, ...value });
}

/** A call to IPD that went like this. */
async function call(contact: Contact, tries?: Tries, owner = 'user-1') {
  const permission = await breaker.request({ owner, issueId });
  if (permission.kind !== 'granted') throw new Error(permission.kind);
  return permission.report(contact, tries);
}

beforeEach(() => {
  lines.length = 0;
  measured.length = 0;
  // Each test has a minute of its own, whose first moment it begins at.
  world.clock.set((minute() + 10) * MINUTE_MS);
});

describe('tries', () => {
  it('are counted from the first throttle on', async () => {
    await call('answered', { tries: 1, throttled: 0 });
    const before = await counted();
    await call('answered', { tries: 3, throttled: 2 });
    await call('answered', { tries: 1, throttled: 0 });
    await call('none', { tries: 0, throttled: 0 });

    expect(before).toBeUndefined();
    expect(await counted()).toMatchObject({ tries: 4, throttled: 2 });
    expect(await state()).toMatchObject({ countingSince: world.clock.now() });
  });

  it('leave no counter where there were none', async () => {
    await set({ countingSince: world.clock.now() });

    await call('none', { tries: 0, throttled: 0 });

    expect(await counted()).toBeUndefined();
  });

  it('change the state once: when the counting begins', async () => {
    const versions = [(await state()).version];
    const note = async (): Promise<void> => void versions.push((await state()).version);

    await call('answered', { tries: 1, throttled: 0 });
    await note();
    await call('answered', { tries: 1, throttled: 1 });
    await note();
    await call('answered', { tries: 1, throttled: 1 });
    await call('answered', { tries: 1, throttled: 0 });
    await note();

    const [first = 0] = versions;
    expect(versions).toEqual([first, first, first + 1, first + 1]);
  });
});

describe('the state', () => {
  it('names no user', async () => {
    const owner = randomUUID();

    await call('upload_failed', undefined, owner);

    const item = await world.ledger.readState('breaker');
    expect(item).toMatchObject({
      recentOutages: [{ owner: expect.stringMatching(/^[0-9a-f]{16}$/), issueId }],
    });
    expect(JSON.stringify(item)).not.toContain(owner);
  });

  it('is written down when it opens and when it closes, and not in between', async () => {
    for (let count = 0; count < 6; count += 1) await call('unreachable').catch(() => undefined);
    world.clock.advance(30 * SECOND_MS);
    const trial = await breaker.request({ owner: 'user-1', issueId, until: world.clock.now() + MINUTE_MS });
    if (trial.kind === 'granted') await trial.report('answered');
    await call('upload_failed');

    expect(lines).toEqual([
      {
        message: 'breaker opened',
        contact: 'unreachable',
        openUntil: world.clock.now(),
        outages: 5,
        owners: 1,
        workItems: 1,
      },
      { message: 'breaker closed', contact: 'answered', outages: 0, owners: 0, workItems: 0 },
    ]);
    expect(measured).toEqual([]);
  });

  it('is measured when IPD refuses the credentials', async () => {
    expect(await call('locked_out')).toMatchObject({ state: 'open' });

    expect(measured).toEqual([{ AuthenticationFailures: 1 }]);
  });

  it.each([
    [9, 'is written where the tenth try meets no other writer', 1],
    [10, 'is left as others have written it after ten tries in vain', 0],
  ])('with %s faster writers %s', async (faster, _name, outages) => {
    const { documents } = world.connectTable();
    let met = 0;
    documents.middlewareStack.add(
      (next) => async (args) => {
        const isState = put.safeParse(args.input).data?.Item.pk === 'state#breaker';
        if (isState && met < faster) {
          met += 1;
          await set({ rate: 7 });
        }
        return next(args);
      },
      { step: 'initialize', name: 'faster' },
    );
    const sharedState = createWholeLedger({
      client: documents,
      table: world.config.table,
      clock: world.clock,
    });
    const { request } = createBreaker({ sharedState, clock: world.clock, telemetry });
    const permission = await request({ owner: 'user-1', issueId });
    if (permission.kind !== 'granted') throw new Error(permission.kind);

    const view = await permission.report('upload_failed');

    expect(met).toBe(faster);
    expect(view).toEqual({ state: 'closed', rate: 7 });
    expect((await state()).recentOutages).toHaveLength(outages);
  });
});

describe('the rate of the next minute', () => {
  const throttled = { tries: 10, throttled: 5 };

  it('falls to what IPD took, and says so', async () => {
    await set({ countingSince: world.clock.now() });
    await call('answered', throttled);
    await call('answered', { tries: 60, throttled: 5 });
    world.clock.advance(MINUTE_MS);

    expect(await breaker.updateRate(FULL)).toEqual({ state: 'closed', rate: 60 });
    expect(lines).toEqual([
      { message: 'delivery rate changed', tries: 70, throttled: 10, from: FULL, to: 60 },
    ]);
  });

  it('comes back when a minute had no tries', async () => {
    await set({ countingSince: world.clock.now(), rate: 95 });
    world.clock.advance(MINUTE_MS);

    expect(await breaker.updateRate(FULL)).toEqual({ state: 'closed' });
    expect(await state()).not.toHaveProperty('countingSince');
    expect(lines).toEqual([{ message: 'delivery rate changed', tries: 0, throttled: 0, from: 95, to: FULL }]);
  });

  it('is not spoken of where it stays', async () => {
    await set({ countingSince: world.clock.now(), rate: 1 });
    await call('answered', { tries: 2, throttled: 2 });
    world.clock.advance(MINUTE_MS);

    expect(await breaker.updateRate(FULL)).toEqual({ state: 'closed', rate: 1 });
    expect(lines).toEqual([]);
  });

  it('is not set, and nothing is written, by a minute that was not counted from its start', async () => {
    await set({ countingSince: world.clock.now() + 1, rate: 50 });
    await call('answered', throttled);
    const { version } = await state();
    world.clock.advance(MINUTE_MS);

    expect(await breaker.updateRate(FULL)).toEqual({ state: 'closed', rate: 50 });
    expect((await state()).version).toBe(version);
  });
});
