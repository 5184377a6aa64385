/**
 * The design at the size for which it was made: a backlog among a million records, sweeps that begin late and all at
 * once, a work item that all upload to, an index that is minutes behind. A trial reports how long it takes
 * until all is delivered, and how many calls that costs.
 */
import { quietProfile } from './faults.ts';
import { createRandom } from './random.ts';
import { leaveBacklog, sendFile } from './backlog.ts';
import type { Backlog, Left } from './backlog.ts';
import { createMeter } from './meter.ts';
import type { Meter } from './meter.ts';
import { createPlatform } from './platform.ts';
import { createWorld } from './world.ts';
import type { World } from './world.ts';
import { MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

export type Trial = Backlog & {
  name: string;
  seed: number;
  /** In the table; the backlog is among them. */
  records?: number;
  /** IPD_RATE. */
  rate: number;
  /** So many sweeps begin at the same moment, so long after the backlog has become due; until then there is none. */
  late?: { sweeps: number; ms: number };
  /** How far the indexes are behind. */
  lagMs?: number;
  /** While the backlog drains, a person sends a file so often. */
  personEveryMs?: number;
};

/** What a trial found; calls are counted per upload of the backlog. */
export type Figures = ReturnType<typeof figuresOf>;

/** The sweep's share of the rate, as lib/delivery/sweep.ts has it. */
const SHARE = 0.75;
/** A page of 1 MB, and what a row of the index takes of it: 96 bytes of names and values. */
const ROWS_PER_PAGE = 10_000;
const SWEEP_MS = 40 * SECOND_MS;
/** A message that is lost is sent again within 15 minutes, an end is announced after two. */
const REST_MS = 20 * MINUTE_MS;
/** The trial gives up after so many times the fair time. */
const PATIENCE = 10;

/** Plays the trial until all uploads are delivered and nothing is left to be done for them. */
export async function playScale(trial: Trial): Promise<Figures> {
  const { seed, rate, late, lagMs = 0 } = trial;
  const random = createRandom(`${seed}/scale`);
  const eventLost: [['eventLost', number]] = [['eventLost', trial.kind === 'waiting' ? 1 : 0]];
  const world = createWorld({
    random,
    profile: { ...quietProfile, rates: new Map(eventLost) },
    pageSize: ROWS_PER_PAGE,
    settings: {
      IPD_RATE: String(rate),
      IPD_AUTH: 'aksk',
      PREFLIGHT: 'off',
      UPLOAD_DEADLINE_HOURS: '24',
      FAILED_RETENTION_DAYS: '7',
    },
  });
  const { time, documents, queue, chronicle, faults, ipd, trace } = world;
  // Nothing reads the trace of so many uploads.
  trace.note = () => undefined;
  ipd.admin.replaceSettings({ uploadResult: 'element', maxAttachmentsPerIssue: 100 });
  documents.lagBy(lagMs);
  const left = leaveBacklog(world, trial, { records: trial.records, now: time.now() + lagMs });
  faults.stop();
  await waitFor(world, lagMs);
  const meter = createMeter(world);
  measureSweeps(world, meter);
  // The platform asks only whether there are any.
  documents.due = () => [{}];

  const began = time.now();
  if (late !== undefined) await runLate(world, late);
  const platform = createPlatform(world);
  const fairMs = fairMinutes(trial) * MINUTE_MS + (late?.ms ?? 0);
  const horizon = began + PATIENCE * fairMs + 60 * MINUTE_MS;
  const sent: Left[] = [];
  const isDrained = (): boolean => meter.deliveredAt.size >= trial.uploads + sent.length;
  if (trial.personEveryMs !== undefined) sendFiles(world, { everyMs: trial.personEveryMs, sent, isDrained });
  let restsUntil = Infinity;
  await time.run(() => {
    chronicle.forget();
    if (restsUntil === Infinity && isDrained()) restsUntil = time.now() + REST_MS;
    if (time.now() >= horizon) return true;
    return time.now() >= restsUntil && platform.isIdle() && queue.isEmpty();
  });
  return figuresOf({ trial, world, meter, left, sent, began });
}

/** A person sends one file after the other, until all is delivered. */
function sendFiles(
  world: World,
  { everyMs, sent, isDrained }: { everyMs: number; sent: Left[]; isDrained: () => boolean },
): void {
  world.time.after(everyMs, () => {
    if (isDrained()) return;
    sent.push(sendFile(world, { index: sent.length, now: world.time.now() }));
    sendFiles(world, { everyMs, sent, isDrained });
  });
}

/** How long the backlog takes if each slot of the sweeps is used. */
function fairMinutes({ uploads, rate }: Trial): number {
  return uploads / Math.max(Math.floor(rate * SHARE), 1);
}

function measureSweeps(world: World, meter: Meter): void {
  const create = world.createWorker;
  world.createWorker = (kind) => {
    const worker = create(kind);
    const { sweep } = worker.services;
    const run = sweep.run.bind(sweep);
    sweep.run = async (signal) => {
      let result = { done: 0, queued: 0 };
      await meter.sweep(async () => (result = await run(signal)), signal);
      return result;
    };
    return worker;
  };
}

/** Until the index shows what was left. */
async function waitFor({ time }: World, ms: number): Promise<void> {
  const until = time.now() + ms;
  time.after(ms, () => undefined);
  await time.run(() => time.now() >= until);
}

/** No sweep for so long, then so many at once. */
async function runLate(world: World, { sweeps, ms }: { sweeps: number; ms: number }): Promise<void> {
  await waitFor(world, ms);
  for (let index = 0; index < sweeps; index += 1) {
    const { services, container } = world.createWorker('sweep');
    void services.sweep.run(container.clock.timeout(SWEEP_MS));
  }
}

function figuresOf(played: {
  trial: Trial;
  world: World;
  meter: Meter;
  left: Left[];
  sent: Left[];
  began: number;
}) {
  const { trial, world, meter, left, sent, began } = played;
  const { uploads, rate } = trial;
  const start = began + (trial.late?.ms ?? 0);
  const perUpload = (count: number): number => Math.round((count / uploads) * 100) / 100;
  const minutes = (ms: number): number => Math.round((ms / MINUTE_MS) * 10) / 10;
  const ends = left.map(({ id }) => meter.deliveredAt.get(id) ?? Infinity);
  const held = countOf(world.ipd.admin.attachments().map(({ sha256 }) => sha256));
  const wanted = countOf([...left, ...sent].map(({ sha256 }) => sha256));
  const waits = sent.map(({ id, dueAt }) => (meter.deliveredAt.get(id) ?? Infinity) - dueAt);
  const records = left.map(({ id }) => world.documents.find(`upload#${id}`));
  return {
    trial: trial.name,
    seed: trial.seed,
    uploads,
    records: trial.records ?? uploads,
    rate,
    delivered: records.filter((record) => record?.['status'] === 'delivered').length,
    /** Files that IPD does not have, and copies beyond one an upload. */
    lost: surplusOf(wanted, held),
    copies: surplusOf(held, wanted),
    /** Delivered, but there is still something to be done. */
    unclosed: records.filter((record) => record?.['dueAt'] !== undefined).length,
    /** From the first sweep to the last delivery. */
    drainMinutes: minutes(Math.max(...ends, 0) - start),
    fairMinutes: minutes(fairMinutes(trial) * MINUTE_MS),
    highestAgeMinutes: minutes(
      Math.max(...left.map(({ dueAt }, index) => (ends[index] ?? Infinity) - dueAt)),
    ),
    /** The longest time beyond the one at which the upload would be delivered if the oldest always came first. */
    longestBeyondFairMinutes: minutes(beyondFair(trial, left, ends, start)),
    /** What a person sent meanwhile, and the longest time until one of these files was delivered. */
    sentMeanwhile: sent.length,
    longestForPersonSeconds: Math.round(Math.max(0, ...waits) / SECOND_MS),
    ...shardsOf(left, meter),
    askedTwice: meter.askedTwice(),
    peakPerMinute: meter.peakPerMinute(),
    sweeps: {
      ...meter.sweeps,
      longestMs: undefined,
      longestSeconds: Math.round(meter.sweeps.longestMs / 100) / 10,
    },
    readsPerUpload: perUpload(meter.reads()),
    rowsPerUpload: perUpload(meter.rows()),
    callsPerUpload: Object.fromEntries(
      Object.entries(meter.calls).map(([what, count]) => [what, perUpload(count)]),
    ),
  };
}

function beyondFair(trial: Trial, left: Left[], ends: number[], start: number): number {
  const slotMs = (fairMinutes(trial) * MINUTE_MS) / trial.uploads;
  const order = left.map(({ dueAt }, index) => ({ dueAt, end: ends[index] ?? Infinity }));
  return order
    .toSorted((a, b) => a.dueAt - b.dueAt)
    .reduce((most, { end }, rank) => Math.max(most, end - (start + rank * slotMs)), 0);
}

/** How many deliveries each shard of the index was given, and for how long one that had some left got none. */
function shardsOf(
  left: Left[],
  { asked }: Meter,
): { askedPerShard: number[]; longestShardGapMinutes: number } {
  const shardOf = new Map(left.map(({ id, shard }) => [id, shard]));
  const times = new Map<string, number[]>();
  for (const { id, at } of asked) {
    const shard = shardOf.get(id) ?? '';
    const all = times.get(shard) ?? [];
    all.push(at);
    times.set(shard, all);
  }
  const gaps = [...times.values()].flatMap((all) => all.map((at, index) => at - (all[index - 1] ?? at)));
  return {
    askedPerShard: [...times].toSorted(([a], [b]) => Number(a) - Number(b)).map(([, all]) => all.length),
    longestShardGapMinutes: Math.round(Math.max(0, ...gaps) / MINUTE_MS),
  };
}

function countOf(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

/** How many more of each there are in `one`. */
function surplusOf(one: Map<string, number>, other: Map<string, number>): number {
  return [...one].reduce((sum, [text, count]) => sum + Math.max(count - (other.get(text) ?? 0), 0), 0);
}
