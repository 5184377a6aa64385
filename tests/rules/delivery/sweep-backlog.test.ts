import { beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { createUpload } from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../lib/domain/units.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller, issueId, projectId } from '../../support/world.ts';

const versioned = z.object({ version: z.int() });
const get = z.object({ Key: z.object({ pk: z.string().startsWith('upload#') }) });

const world = await useWorld();
/** Another minute, with slots of its own. */
beforeEach(() => world.clock.advance(MINUTE_MS));

const iso = (ms: number): string => new Date(ms).toISOString();

/** Ids that the index keeps together, so that one page of it names all their uploads. */
function idsOfOneShard(count: number): string[] {
  const ids: string[] = [];
  while (ids.length < count) {
    const id = randomUUID();
    if (createHash('sha256').update(id).digest().readUInt8(0) % 8 === 0) ids.push(id);
  }
  return ids;
}

/** Uploads that await their files or wait for a delivery; the index gives them in this order. */
async function add(statuses: ('awaiting_upload' | 'waiting')[]): Promise<Upload[]> {
  const now = world.clock.now();
  const moment = { now, policy: world.policy };
  const names = { owner: caller.owner, projectId, issueId, filename: 'f', sentName: 'f' };
  const ids = idsOfOneShard(statuses.length);
  const uploads = statuses.map((status, index) => {
    const id = ids[index] ?? '';
    const created = createUpload({ ...names, id, contentType: 'a/b', size: 10 }, moment);
    const dueAt = iso(now - MINUTE_MS + index * SECOND_MS);
    if (status === 'awaiting_upload') return { ...created, dueAt };
    const staged = { etag: 'e', stagedAt: iso(now), retryUntil: iso(now + HOUR_MS) };
    return { ...created, ...staged, status, dueAt };
  });
  for (const upload of uploads) await world.ledger.add(upload);
  return uploads;
}

const awaiting = (count: number) => Array.from({ length: count }, () => 'awaiting_upload' as const);

describe('a backlog', () => {
  it('is taken ten at a time, also where deliveries without a slot are among it', async () => {
    await add([...awaiting(5), 'waiting', ...awaiting(7)]);
    const { version } = versioned.parse((await world.ledger.readState('breaker')) ?? { version: 0 });
    const openUntil = world.clock.now() + 5 * MINUTE_MS;
    await world.ledger.writeState('breaker', version, { openings: 1, openUntil });
    const { documents } = world.connectTable();
    let underWay = 0;
    let most = 0;
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (!get.safeParse(args.input).success) return next(args);
        underWay += 1;
        most = Math.max(most, underWay);
        // All that are taken together ask before the first is answered.
        await setImmediate();
        const answer = await next(args);
        underWay -= 1;
        return answer;
      },
      { step: 'initialize', name: 'count' },
    );

    const result = await world.build({ documents }).sweep.run(AbortSignal.timeout(300_000));

    expect(result).toEqual({ done: 12, queued: 0 });
    expect(most).toBe(10);
  });

  it('is left to the next run where this one has to end, which then counts no open uploads', async () => {
    const uploads = await add(awaiting(2));
    const { measured, telemetry } = collectTelemetry();

    const result = await world.build({ telemetry }).sweep.run(AbortSignal.abort());

    expect(result).toEqual({ done: 0, queued: 0 });
    for (const upload of uploads) expect(await world.find(upload.id)).toMatchObject({ dueAt: upload.dueAt });
    const metrics = measured.flatMap((some) => Object.keys(some));
    expect(metrics).toEqual(['OldestDueAge', 'BreakerOpen']);
  });

  it('gives the slot of an upload that another run has dealt with to the next one', async () => {
    const [first, second] = await add(['waiting', 'waiting']);
    const { documents } = world.connectTable();
    let isOvertaken = false;
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (!isOvertaken && get.safeParse(args.input).success) {
          isOvertaken = true;
          const dueAt = iso(world.clock.now() + 15 * MINUTE_MS);
          await world.ledger.change(first?.id ?? '', (before) => ({ ...before, dueAt }));
        }
        return next(args);
      },
      { step: 'initialize', name: 'overtake' },
    );
    const { sweep } = world.build({ documents, config: { deliveriesPerMinute: 1 } });

    const result = await sweep.run(AbortSignal.timeout(300_000));

    expect(isOvertaken).toBe(true);
    expect(result).toEqual({ done: 1, queued: 1 });
    expect(await world.requestsFor(second?.id ?? '')).toHaveLength(1);
  });
});
