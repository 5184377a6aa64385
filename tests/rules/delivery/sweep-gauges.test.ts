import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { MetricValues } from '../../../lib/runtime/telemetry.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { MINUTE_MS } from '../../../lib/domain/units.ts';

const world = await useWorld();

/** What so many runs of one container measure. */
async function sweep(runs = 1): Promise<MetricValues[]> {
  const { telemetry, measured } = collectTelemetry();
  const { sweep: own } = world.build({ telemetry });
  for (let run = 0; run < runs; run += 1) await own.run(AbortSignal.timeout(300_000));
  return measured.filter((metrics) => 'OldestDueAge' in metrics);
}

describe('the metrics of the sweep', () => {
  it('count no upload where there is none, and each one that is open', async () => {
    expect(await world.ledger.countOpen(10_000)).toBe(0);

    await Promise.all(Array.from({ length: 20 }, (_, index) => world.create(randomBytes(index + 1))));

    expect(await world.ledger.countOpen(10_000)).toBe(20);
  });

  it('read no more than ten thousand rows to count them', async () => {
    const limits: unknown[] = [];
    const { documents } = world.connectTable();
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (!('IndexName' in args.input) || !('Limit' in args.input)) return next(args);
        if (args.input.Limit !== undefined) limits.push(args.input.Limit);
        return next(args);
      },
      { step: 'initialize' },
    );

    await world.build({ documents }).sweep.run(AbortSignal.timeout(300_000));

    // Eight shards of two lanes, either of which may have all of them.
    expect(limits).toEqual(Array.from({ length: 16 }, () => 10_000 / 8));
  });

  it('is zero when there is nothing to do', async () => {
    expect(await sweep()).toMatchObject([{ OldestDueAge: 0, BreakerOpen: 0 }]);
  });

  it('is the age of the most overdue upload before the sweep handles it', async () => {
    await world.create(randomBytes(10));
    await world.create(randomBytes(11));
    world.clock.advance(11 * MINUTE_MS);

    const [first] = await sweep();
    const [second] = await sweep();

    // The sweep checks an upload for the first time after a minute.
    expect(first).toMatchObject({ OldestDueAge: 600 });
    expect(second).toMatchObject({ OldestDueAge: 0 });
  });

  it('is no age for what falls due within the next minute', async () => {
    await world.create(randomBytes(10));
    world.clock.advance(MINUTE_MS / 2);

    expect(await sweep()).toMatchObject([{ OldestDueAge: 0 }]);
  });

  it('says whether the breaker is open', async () => {
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'signatureFailed' } }]);
    await world.deliver();

    expect(await sweep()).toMatchObject([{ BreakerOpen: 1 }]);
  });

  it('counts what is open in the first run and in every tenth after it, and not what has ended', async () => {
    const [before] = await sweep();
    await world.create(randomBytes(10));
    await world.create(randomBytes(11));
    const ended = await world.create(randomBytes(12));
    await world.uploads.cancel({ owner: ended.owner, projects: '*' }, ended.id);

    const counts = (await sweep(11)).map(({ OpenUploads }) => OpenUploads);

    const open = (before?.OpenUploads ?? 0) + 2;
    expect(counts).toEqual([open, ...Array.from({ length: 9 }, () => undefined), open]);
  });

  it('lacks the count where the table does not give it, and the sweep goes on', async () => {
    const { documents } = world.connectTable();
    documents.middlewareStack.add(
      (next) => async (args) => {
        if ('IndexName' in args.input && 'Limit' in args.input && args.input.Limit !== undefined)
          throw new Error('the table is busy');
        return next(args);
      },
      { step: 'initialize' },
    );
    const { telemetry, measured, lines } = collectTelemetry();

    await world.build({ documents, telemetry }).sweep.run(AbortSignal.timeout(300_000));

    expect(lines).toContainEqual({ message: 'open uploads not counted' });
    expect(measured.filter((metrics) => 'OldestDueAge' in metrics)).toHaveLength(1);
  });

  it('counts no further than it is worth', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, index) => world.create(randomBytes(index + 1))));

    expect(await world.ledger.countOpen(8)).toBeLessThanOrEqual(8);
  });
});
