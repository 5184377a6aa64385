import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Upload } from '../../../lib/domain/upload.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId } from '../../support/world.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';

const soon = () => AbortSignal.timeout(300_000);
const kept = z.looseObject({
  version: z.int(),
  rate: z.int().optional(),
  countingSince: z.int().optional(),
});

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });
/** Each upload has a size of its own, so that none waits for another. */
let size = 100;

const newFile = (): Buffer => randomBytes((size += 1));
const deliver = (): Promise<Upload> => world.deliver(newFile());
const state = async () => kept.parse((await world.ledger.readState('breaker')) ?? { version: 0 });
const counted = () =>
  world.ledger.readState(`tries#${Math.floor(world.clock.now() / MINUTE_MS)}`).then((item) => item ?? {});

/** Moves the clock to the first moment of a later minute. */
function toMinute(minutes = 1): void {
  world.clock.set((Math.floor(world.clock.now() / MINUTE_MS) + minutes) * MINUTE_MS);
}

/** IPD throttles for so many minutes; in each of them the sweep runs, and then an upload comes. */
async function throttleFor(minutes: number, { sweep } = world): Promise<void> {
  await world.faults([
    { match: { operation: 'upload' }, fault: { kind: 'throttled', retryAfterSeconds: 7200 } },
  ]);
  for (let minute = 0; minute < minutes; minute += 1) {
    toMinute();
    await sweep.run(soon());
    world.clock.advance(10_000);
    await deliver();
  }
}

describe('the shared rate', () => {
  it('costs nothing for a delivery that IPD does not throttle', async () => {
    await deliver();

    expect(await counted()).toEqual({});
    expect(await state()).not.toHaveProperty('countingSince');
  });

  it('counts tries and throttles from the first throttle on', async () => {
    toMinute();
    await world.faults([{ match: { operation: 'list' }, count: 1, fault: { kind: 'throttled' } }]);

    await deliver();
    await deliver();

    // The first one tried again in place.
    expect(await counted()).toMatchObject({ tries: 3, throttled: 1, expiresAt: expect.any(Number) });
  });

  it('is reduced by the sweep when, in a wholly counted minute, IPD throttled more than a tenth of the tries', async () => {
    const { telemetry, lines } = collectTelemetry();
    const { sweep } = world.build({ telemetry });
    const rates: (number | undefined)[] = [];

    for (let minute = 0; minute < 3; minute += 1) {
      await throttleFor(1, { ...world, sweep });
      rates.push((await state()).rate);
    }

    // The minute in which counting began was counted only in part.
    expect(rates).toEqual([undefined, undefined, 30]);
    expect(lines).toContainEqual({
      message: 'delivery rate changed',
      tries: 1,
      throttled: 1,
      from: 60,
      to: 30,
    });
  });

  it('stays as it is when the sweep runs twice within a minute', async () => {
    await throttleFor(3);

    await world.sweep.run(soon());

    expect((await state()).rate).toBe(30);
  });

  it('rises by a tenth a minute up to the full rate, and then the counting ends', async () => {
    await throttleFor(3);
    await world.faults([]);
    const rates: (number | undefined)[] = [];

    do {
      toMinute();
      await world.sweep.run(soon());
      rates.push((await state()).rate);
    } while (rates.at(-1) !== undefined);

    expect(rates).toStrictEqual([33, 37, 41, 46, 51, 57, undefined]);
    expect(await state()).not.toHaveProperty('countingSince');
  });

  it('does not change the breaker, and the breaker does not change it', async () => {
    await throttleFor(3);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'signatureFailed' } }]);
    const upload = await world.stage(newFile());
    await world.arrivals.check(upload);

    await world.delivery.onRequest({ uploadId: upload.id, attempt: 1 }, world.run());

    expect((await world.intake.limits()).breaker.state).toBe('open');
    expect((await state()).rate).toBe(30);
  });
});

describe('while the rate is reduced', () => {
  it('an event only stages the file, and the sweep gives it a slot', async () => {
    await throttleFor(2);
    await world.faults([]);
    toMinute();
    await world.sweep.run(soon());
    const asked = world.ipd.requests.length;

    const upload = await deliver();
    const before = world.ipd.requests.length;
    toMinute();
    await world.sweep.run(soon());
    const [message = ''] = await world.requestsFor(upload.id);
    await world.delivery.onRequest(JSON.parse(message), world.run());

    expect(upload).toMatchObject({ status: 'staged', attempts: 0 });
    expect(upload.lastError).toBeUndefined();
    expect(upload.dueAt).toBe(upload.stagedAt);
    expect(before).toBe(asked);
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', attempts: 1 });
  });

  it('so does a message that a file has come', async () => {
    await throttleFor(3);
    await world.faults([]);
    const upload = await world.stage(newFile());
    await world.arrivals.check(upload);
    const [message = ''] = await world.requestsFor(upload.id);

    await world.delivery.onRequest(JSON.parse(message), world.run());

    const after = await world.find(upload.id);
    expect(after).toMatchObject({ status: 'staged', attempts: 0 });
    expect(after.dueAt).toBe(after.stagedAt);
  });

  it('so does a retry', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const failed = await deliver();
    await throttleFor(3);
    await world.faults([]);
    await world.uploads.retry({ owner: 'user-1', projects: '*' }, failed.id);
    const [message = ''] = await world.requestsFor(failed.id);

    await world.delivery.onRequest(JSON.parse(message), world.run());

    expect(failed.status).toBe('failed');
    expect(await world.find(failed.id)).toMatchObject({ status: 'staged', attempts: 1 });
  });

  it('the check for a second copy takes a slot of the sweep, too', async () => {
    const delivered = [await deliver(), await deliver(), await deliver()];
    const rate = { version: 0, openings: 0, rate: 2, countingSince: 0 };
    await world.ledger.writeState('breaker', (await state()).version, rate);
    toMinute();
    const recheckAt = new Date(world.clock.now()).toISOString();
    for (const { id } of delivered) {
      await world.ledger.change(id, (before) =>
        before.status === 'delivered' ? { ...before, recheckAt, dueAt: recheckAt } : undefined,
      );
    }
    const minute = Math.floor(world.clock.now() / MINUTE_MS) - 1;
    await world.ledger.addToState(
      `tries#${minute}`,
      { tries: 100, throttled: 10 },
      world.clock.now() + HOUR_MS,
    );

    expect((await world.sweep.run(soon())).queued).toBe(3);
    toMinute();
    await world.ledger.addToState(
      `tries#${minute + 1}`,
      { tries: 10, throttled: 10 },
      world.clock.now() + HOUR_MS,
    );
    for (const { id } of delivered) {
      await world.ledger.change(id, (before) => ({ ...before, dueAt: recheckAt }));
    }

    expect((await world.sweep.run(soon())).queued).toBe(1);
  });

  it('the sweep requests as many deliveries as the rate allows, and none starts without it', async () => {
    const rate = { version: 0, openings: 0, rate: 3, countingSince: 0 };
    await world.ledger.writeState('breaker', (await state()).version, rate);
    toMinute();
    const minute = Math.floor(world.clock.now() / MINUTE_MS) - 1;
    await world.ledger.addToState(`tries#${minute}`, { tries: 8, throttled: 7 }, world.clock.now() + HOUR_MS);
    for (let count = 0; count < 6; count += 1) await deliver();

    expect((await world.sweep.run(soon())).queued).toBe(1);
  });
});

describe('the check of a work item before an upload', () => {
  it('opens the breaker when our credentials are refused, so that no second one locks the key', async () => {
    const { intake } = world.build({ config: { preflight: true } });
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'signatureFailed' } }]);
    const create = () =>
      intake.create(
        { owner: 'user-1', projects: '*' },
        {
          projectId: '0123456789abcdef0123456789abcdef',
          issueId,
          filename: 'a.bin',
          contentType: 'application/octet-stream',
          size: 10,
        },
      );

    await create();
    const { breaker } = await intake.limits();
    await create();

    expect(breaker).toEqual({ state: 'open', retryAfterSeconds: 310 });
    expect(world.ipd.requests).toHaveLength(1);
  });
});
