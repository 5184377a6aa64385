import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Upload } from '../../../lib/domain/upload.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId } from '../../support/world.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../lib/domain/units.ts';

const versioned = z.looseObject({ version: z.int() });
/** An endpoint without a server. */
const NOWHERE = 'http://127.0.0.1:1';

// Without it a creation would ask IPD as well.
const world = await useWorld({ environment: { PREFLIGHT: 'off' } });
/** Each upload has a size of its own, so that none waits for another, and another owner and work item than the last. */
let size = 100;
const workItem = (index: number): string => String(BigInt(issueId) + BigInt(index % 7));
const userOf = (index: number): string => `user-${index % 3}`;

const newFile = (): Buffer => randomBytes((size += 1));
const deliver = (from: { owner?: string; issueId?: string } = {}): Promise<Upload> => {
  const bytes = newFile();
  const { owner = userOf(size), ...item } = { issueId: workItem(size), ...from };
  return world.deliver(bytes, item, owner);
};
const breaker = async () => (await world.intake.limits()).breaker;

async function deliverMany(count: number, from: Parameters<typeof deliver>[0] = {}): Promise<Upload[]> {
  const uploads: Upload[] = [];
  while (uploads.length < count) uploads.push(await deliver(from));
  return uploads;
}

/** IPD is out, and five uploads have found that. */
async function outage(): Promise<Upload[]> {
  await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);
  return deliverMany(5);
}

describe('the breaker', () => {
  it.each([
    ['when the list does not answer', { match: { operation: 'list' }, fault: { kind: 'internalError' } }],
    ['when uploads get lost', { match: { operation: 'upload' }, fault: { kind: 'gatewayTimeout' } }],
    ['when uploads break off', { match: { operation: 'upload' }, fault: { kind: 'reset', afterBytes: 10 } }],
  ])('opens after five outages in a row, over all uploads: %s', async (_name, fault) => {
    await world.faults([fault]);

    await deliverMany(4);
    const before = await breaker();
    await deliver();

    expect(before).toEqual({ state: 'closed' });
    expect(await breaker()).toEqual({ state: 'open', retryAfterSeconds: 30 });
  });

  it.each([
    ['one user has trouble with, at many work items', { owner: 'user-1' }],
    ['many users have trouble with, at one work item', { issueId }],
  ])('stays closed to uploads that only %s', async (_name, from) => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'gatewayTimeout' } }]);

    await deliverMany(12, from);

    expect(await breaker()).toEqual({ state: 'closed' });
  });

  it('stays closed to one stray failure beside those of one user, and opens at the second', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'gatewayTimeout' } }]);

    await deliverMany(4, { owner: 'user-1' });
    await deliver({ owner: 'user-2' });
    const atFourToOne = await breaker();
    await deliver({ owner: 'user-2' });

    expect(atFourToOne).toEqual({ state: 'closed' });
    expect(await breaker()).toEqual({ state: 'open', retryAfterSeconds: 30 });
  });

  it("keeps another user's failure, however many of one user come after it", async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'gatewayTimeout' } }]);

    await deliver({ owner: 'user-2' });
    await deliverMany(25, { owner: 'user-1' });
    const afterTheMany = await breaker();
    await deliver({ owner: 'user-2' });

    expect(afterTheMany).toEqual({ state: 'closed' });
    expect(await breaker()).toEqual({ state: 'open', retryAfterSeconds: 30 });
  });

  it('opens for one user alone when the lists of different work items fail, which carry nothing of the user', async () => {
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);

    await deliverMany(5, { owner: 'user-1' });

    expect(await breaker()).toEqual({ state: 'open', retryAfterSeconds: 30 });
  });

  it('stays closed when the list of one work item fails', async () => {
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);

    await deliverMany(12, { issueId });

    expect(await breaker()).toEqual({ state: 'closed' });
  });

  it('opens for one user with one work item when there is no connection', async () => {
    const { delivery } = world.build({ config: { ipd: { ...world.config.ipd, endpoint: NOWHERE } } });

    for (let times = 0; times < 5; times += 1) {
      const bytes = newFile();
      const upload = await world.stage(bytes, { issueId });
      await delivery.onArrival(world.arrival(upload, bytes), world.run());
    }

    expect(await breaker()).toEqual({ state: 'open', retryAfterSeconds: 30 });
  });

  it('does not count an answered list as an answer to uploads', async () => {
    await world.faults([
      { match: { operation: 'upload' }, fault: { kind: 'gatewayTimeout', stored: false } },
    ]);
    const [doubtful] = await deliverMany(4);
    await world.next(doubtful?.id ?? '');

    await deliver();

    expect(await breaker()).toMatchObject({ state: 'open' });
  });

  it('counts anew after an answer', async () => {
    await world.faults([{ match: { operation: 'list' }, count: 4, fault: { kind: 'internalError' } }]);
    await deliverMany(5);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);

    await deliverMany(4);

    expect(await breaker()).toEqual({ state: 'closed' });
  });

  it.each(['noPermission', 'error200', 'serviceThrottled'])(
    'takes a refusal for an answer: %s',
    async (kind) => {
      await world.faults([{ match: { operation: 'upload' }, fault: { kind } }]);

      await deliverMany(5);

      expect(await breaker()).toEqual({ state: 'closed' });
    },
  );

  it.each(['signatureFailed', 'keyLocked'])(
    'opens at once for as long as a key is locked: %s',
    async (kind) => {
      await world.faults([{ match: { operation: 'list' }, fault: { kind } }]);

      const upload = await deliver();

      expect(await breaker()).toEqual({ state: 'open', retryAfterSeconds: 310 });
      expect(upload).toMatchObject({
        status: 'waiting',
        failedAttempts: 0,
        lastError: { code: 'ipd_paused' },
      });
      expect(world.ipd.requests).toHaveLength(1);
    },
  );

  it('opens at once when the signature of an upload is refused, which is no doubt', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'signatureFailed' } }]);

    expect(await deliver()).toMatchObject({
      status: 'waiting',
      failedAttempts: 0,
      lastError: { code: 'ipd_paused' },
    });
    expect(await breaker()).toEqual({ state: 'open', retryAfterSeconds: 310 });
  });

  it('is ended by time alone in the middle of an outage, too', async () => {
    const bytes = newFile();
    const upload = await world.stage(bytes);
    const { delivery } = world.build({
      send: async (request) => {
        if (request.method === 'POST') {
          const until = world.clock.now() + 310 * SECOND_MS;
          const recentOutages = Array.from({ length: 5 }, (_, n) => ({
            issueId: String(n),
            call: 'connection',
          }));
          const { version } = versioned.parse((await world.ledger.readState('breaker')) ?? { version: 0 });
          const locked = { recentOutages, openings: 1, openUntil: until, lockedUntil: until };
          await world.ledger.writeState('breaker', version, locked);
        }
        return world.send(request);
      },
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
    expect(await breaker()).toEqual({ state: 'open', retryAfterSeconds: 310 });
  });
});

describe('while it is open', () => {
  it('an upload that arrives is staged, and IPD gets no request', async () => {
    await outage();
    const asked = world.ipd.requests.length;

    const upload = await deliver();

    expect(upload).toMatchObject({ status: 'staged', attempts: 0, lastError: { code: 'ipd_paused' } });
    expect(Date.parse(upload.dueAt ?? '')).toBeGreaterThanOrEqual(world.clock.now() + 30 * SECOND_MS);
    expect(world.ipd.requests).toHaveLength(asked);
  });

  it('an upload says which it is: an outage, or credentials that IPD refuses', async () => {
    const refused = { match: { operation: 'list' }, count: 1, fault: { kind: 'signatureFailed' } };
    const code = 'ipd_paused';
    await outage();
    const atFirst = await deliver();
    await world.faults([refused]);
    world.clock.advance(MINUTE_MS);
    await deliver();
    const locked = await deliver();
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);
    world.clock.advance(6 * MINUTE_MS);
    await deliver();
    const outAgain = await deliver();

    const details = [atFirst, locked, outAgain].map(({ lastError }) => [lastError?.code, lastError?.detail]);

    expect(details).toEqual([
      [code, 'IPD failed, or did not answer'],
      [code, 'IPD refused our credentials'],
      [code, 'IPD failed, or did not answer'],
    ]);
  });

  it('an attempt is put off without being used, and the time until the next one does not count', async () => {
    const [upload] = await outage();
    const before = await world.find(upload?.id ?? '');
    const start = world.clock.now();

    await world.delivery.onRequest({ uploadId: before.id, attempt: before.attempts + 1 }, world.run());

    const paused = await world.find(before.id);
    world.clock.advance(40 * HOUR_MS);
    const after = await world.next(before.id);
    expect(paused).toMatchObject({
      status: 'waiting',
      attempts: before.attempts,
      failedAttempts: before.failedAttempts,
    });
    expect(Date.parse(paused.dueAt ?? '') - start).toBeGreaterThanOrEqual(30 * SECOND_MS);
    expect(after).toMatchObject({ status: 'waiting', attempts: before.attempts + 1 });
    const isOver = Date.parse(after.retryUntil ?? '') - Date.parse(before.retryUntil ?? '');
    expect(isOver).toBe(start + 40 * HOUR_MS - Date.parse(before.dueAt ?? ''));
  });

  it('a failed trial uses no attempt either, and its upload becomes the last of those that wait', async () => {
    const [upload] = await outage();
    world.clock.advance(MINUTE_MS);

    const after = await world.next(upload?.id ?? '');

    expect(after).toMatchObject({
      status: 'waiting',
      attempts: 2,
      failedAttempts: 1,
      lastError: { code: 'ipd_unavailable' },
    });
    expect(Date.parse(after.dueAt ?? '')).toBeGreaterThanOrEqual(world.clock.now() + 60 * SECOND_MS);
  });

  it('a doubt keeps its own reason', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'gatewayTimeout' } }]);
    const [upload] = await deliverMany(5);

    await world.delivery.onRequest({ uploadId: upload?.id ?? '', attempt: 2 }, world.run());

    expect(await world.find(upload?.id ?? '')).toMatchObject({
      status: 'unconfirmed',
      attempts: 1,
      lastError: { code: 'answer_lost' },
    });
  });

  it('a message that asks for nothing any more changes nothing', async () => {
    const delivered = await deliver();
    await outage();

    await world.delivery.onRequest({ uploadId: delivered.id, attempt: 2 }, world.run());

    expect(await world.find(delivered.id)).toEqual(delivered);
  });

  it('the sweep asks for no delivery until the breaker may close, then for one', async () => {
    await world.faults([{ match: { operation: 'list' }, count: 1, fault: { kind: 'keyLocked' } }]);
    await deliver();
    await deliverMany(3);
    world.clock.advance(240 * SECOND_MS);
    const early = await world.sweep.run(AbortSignal.timeout(300_000));
    world.clock.advance(90 * SECOND_MS);
    const late = await world.sweep.run(AbortSignal.timeout(300_000));

    expect(early.queued).toBe(0);
    expect(late.queued).toBe(1);
  });
});

describe('when its time is over', () => {
  /** A delivery whose first request to IPD is delayed until `release`. */
  async function startProbe() {
    const bytes = newFile();
    const upload = await world.stage(bytes);
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { delivery } = world.build({
      send: async (request) => {
        asked.resolve();
        await gate.promise;
        return world.send(request);
      },
    });
    const outcome = delivery.onArrival(world.arrival(upload, bytes), world.run());
    await asked.promise;
    const release = async (): Promise<Upload> => {
      gate.resolve();
      await outcome;
      return world.find(upload.id);
    };
    return { id: upload.id, release };
  }

  it('one delivery tries, the others wait, and an answer closes it', async () => {
    await outage();
    await world.faults([]);
    world.clock.advance(31 * SECOND_MS);
    const open = await breaker();

    const probe = await startProbe();
    const probing = await breaker();
    const other = await deliver();
    const after = await probe.release();

    expect(open).toEqual({ state: 'half_open', retryAfterSeconds: 0 });
    // As long as its lease.
    expect(probing).toEqual({ state: 'half_open', retryAfterSeconds: 305 });
    expect(other).toMatchObject({ status: 'staged', attempts: 0 });
    expect(after).toMatchObject({ status: 'delivered' });
    expect(await breaker()).toEqual({ state: 'closed' });
    expect(await world.next(other.id)).toMatchObject({ status: 'delivered' });
  });

  it('of two deliveries at the same moment, one tries', async () => {
    await outage();
    world.clock.advance(31 * SECOND_MS);
    const asked = world.ipd.requests.length;

    const uploads = await Promise.all([deliver(), deliver(), deliver()]);

    expect(uploads.filter(({ attempts }) => attempts === 1)).toHaveLength(1);
    const others = uploads.filter(({ status }) => status === 'staged');
    expect(others).toHaveLength(2);
    // Most trials are over within a minute.
    for (const { dueAt } of others) {
      expect(Date.parse(String(dueAt))).toBeGreaterThanOrEqual(world.clock.now() + MINUTE_MS);
    }
    expect(world.ipd.requests).toHaveLength(asked + 1);
  });

  it('another outage opens it for twice as long each time, five minutes at most', async () => {
    await outage();
    const waits: (number | undefined)[] = [];
    while (waits.length < 6) {
      const { retryAfterSeconds = 0 } = await breaker();
      waits.push(retryAfterSeconds);
      world.clock.advance(retryAfterSeconds * SECOND_MS);
      await deliver();
    }

    expect(waits).toEqual([30, 60, 120, 240, 300, 300]);
  });

  it('a delivery that dies during the trial keeps the others out until its lease ends', async () => {
    await outage();
    await world.faults([]);
    world.clock.advance(31 * SECOND_MS);
    await startProbe();

    world.clock.advance(305 * SECOND_MS - 1);
    const early = await deliver();
    world.clock.advance(1);
    const late = await deliver();

    expect(early).toMatchObject({ status: 'staged' });
    expect(late).toMatchObject({ status: 'delivered' });
    expect(await breaker()).toEqual({ state: 'closed' });
  });

  it('a delivery that sends IPD no request leaves the trial to the next one', async () => {
    await outage();
    await world.faults([]);
    world.clock.advance(31 * SECOND_MS);
    const bytes = newFile();
    const upload = await world.stage(bytes);
    const wordless = world.build({ config: { ipd: { ...world.config.ipd, credentials: undefined } } });

    await wordless.delivery.onArrival(world.arrival(upload, bytes), world.run());
    const next = await deliver();

    expect(await world.find(upload.id)).toMatchObject({
      status: 'waiting',
      lastError: { code: 'ipd_unavailable' },
    });
    expect(next).toMatchObject({ status: 'delivered' });
  });

  it('a file that only waits for its scan leaves the trial to others', async () => {
    await outage();
    await world.faults([]);
    world.clock.advance(31 * SECOND_MS);
    const scanned = world.build({ config: { requiredScanTag: { name: 'scan', value: 'clean' } } });
    const bytes = newFile();
    const unscanned = await world.stage(bytes);
    const probe = await startProbe();

    await scanned.delivery.onArrival(world.arrival(unscanned, bytes), world.run());
    const other = await deliver();
    await probe.release();

    expect(await world.find(unscanned.id)).toMatchObject({
      status: 'waiting',
      lastError: { code: 'scan_pending' },
    });
    expect(other).toMatchObject({ status: 'staged', attempts: 0 });
    expect(await breaker()).toEqual({ state: 'closed' });
  });

  it('a delivery that began before, and sends IPD nothing, does not let a second one try', async () => {
    const slow = await startProbe();
    await outage();
    await world.faults([]);
    world.clock.advance(31 * SECOND_MS);
    await startProbe();
    // The first one has lost its upload meanwhile, so it never passes the fence.
    await world.ledger.change(slow.id, (before) => ({ ...before, status: 'cancelled' }));

    await slow.release();
    const other = await deliver();

    expect(other).toMatchObject({ status: 'staged', attempts: 0 });
  });
});

describe('a lock-out', () => {
  it('ends by time alone, even when a delivery that began before succeeds', async () => {
    const bytes = newFile();
    const upload = await world.stage(bytes);
    const { delivery } = world.build({
      send: async (request) => {
        // Between its list and its upload another delivery finds that the key is refused.
        if (request.method === 'POST') {
          await world.faults([
            { match: { operation: 'list' }, count: 1, fault: { kind: 'signatureFailed' } },
          ]);
          await deliver();
        }
        return world.send(request);
      },
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
    expect(await breaker()).toEqual({ state: 'open', retryAfterSeconds: 310 });
  });
});
