/**
 * How fast does a backlog go out? Ten thousand staged uploads are due at once, their events lost, as after an outage;
 * IPD takes a fixed number of uploads a second, refuses the rest, and refuses some at random. Everything else is real:
 * the schedule's own minutes, the queue, the functions in their processes, sockets between all of them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { LogLine } from '../local/gateway/runner.ts';
import { startStack } from '../local/stack.ts';
import { leaveBacklog } from './backlog.ts';
import { createEndings } from './endings.ts';
import { startLedger } from './ledger.ts';
import { median, rowsOf } from './report.ts';
import type { Bench, Figures, Options, Row } from './report.ts';
import { MINUTE_MS } from '../lib/domain/units.ts';

export type Scene = {
  uploads: number;
  workItems: number;
  /** How many uploads IPD takes in a second. */
  uploadsPerSecond: number;
  /** The share of uploads that IPD refuses at random. */
  throttled: number;
  /** IPD_RATE. */
  deliveriesPerMinute: number;
  /** DELIVERY_CONCURRENCY. */
  concurrency: number;
  /** How IPD counts: a bucket is filled anew all the time, a window has taken its number in no second at all. */
  counts: 'bucket' | 'window';
};

type Drain = {
  makespanSeconds: number;
  lost: number;
  duplicates: number;
  refusedAtRandom: number;
  /** The share of refused ones among the latest upload requests, those in the log of the fake IPD. */
  refusedPercent: number;
  busyPercent: number;
};

/**
 * A work item shows a hundred attachments at most: fifty here. The settings are those of an operator who knows what IPD
 * takes. Deliveries that the sweep queues get three quarters of IPD_RATE: this share equals the rate of IPD.
 * The concurrency is high enough to keep that rate while some deliveries wait out a throttle.
 */
const SCENE: Scene = {
  uploads: 10_000,
  workItems: 200,
  uploadsPerSecond: 20,
  throttled: 0.02,
  deliveriesPerMinute: (60 * 20) / 0.75,
  concurrency: 10,
  counts: 'bucket',
};
/** The bench gives up after this many times the ideal time. */
const PATIENCE = 3;

const received = z.array(z.object({ sha256: z.string() }));
const faults = z.array(z.object({ fired: z.number() }));
const requests = z.array(z.object({ operation: z.string().nullable(), status: z.number().nullable() }));

export const bench: Bench = {
  limits: { drainVsIdeal: 1.05, drainVsIdealWindow: 1.1, lost: 0, duplicates: 0 },
  measure,
};

async function measure({ rounds = 1, log }: Options): Promise<Figures> {
  const drains: Record<Scene['counts'], Drain[]> = { bucket: [], window: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const counts of ['bucket', 'window'] as const) {
      drains[counts].push(await drain({ ...SCENE, counts }, log));
    }
  }
  const all = [...drains.bucket, ...drains.window];
  const idealSeconds = SCENE.uploads / SCENE.uploadsPerSecond;
  const ratioOf = (some: Drain[]): number =>
    median(some.map(({ makespanSeconds }) => makespanSeconds)) / idealSeconds;
  return {
    rows: [
      ...rowsOfDrains('bucket', drains.bucket),
      ...rowsOfDrains('window', drains.window),
      { subject: 'ideal', metric: 'makespan', value: idealSeconds, unit: 's' },
      { subject: 'IPD', metric: 'takes', value: SCENE.uploadsPerSecond, unit: 'uploads/s' },
    ],
    ratios: {
      drainVsIdeal: ratioOf(drains.bucket),
      drainVsIdealWindow: ratioOf(drains.window),
      lost: Math.max(...all.map(({ lost }) => lost)),
      duplicates: Math.max(...all.map(({ duplicates }) => duplicates)),
    },
  };
}

function rowsOfDrains(subject: Scene['counts'], drains: Drain[]): Row[] {
  const of = (name: keyof Drain): number[] => drains.map((one) => one[name]);
  const one = (metric: string, name: keyof Drain, unit: string): Row => ({
    subject,
    metric,
    value: median(of(name)),
    unit,
  });
  return [
    ...rowsOf({ subject, metric: 'makespan', unit: 's', values: of('makespanSeconds') }),
    one('refused at random', 'refusedAtRandom', 'uploads'),
    one('refused in all, at the end', 'refusedPercent', '%'),
    one('processors busy', 'busyPercent', '%'),
  ];
}

/** Writes the backlog, starts the stack on it, and waits until all uploads are delivered. */
export async function drain(scene: Scene, log: Options['log']): Promise<Drain> {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-drain-'));
  const stops = [() => rm(directory, { recursive: true, force: true })];
  try {
    log(`leaving ${scene.uploads} uploads behind`);
    const backlog = await leaveBacklog({
      count: scene.uploads,
      workItems: scene.workItems,
      storage: join(directory, 'stack', 's3'),
    });
    const ledger = await startLedger({ directory: join(directory, 'ledger') });
    stops.push(() => ledger.stop());
    await ledger.add(backlog.map(({ upload }) => upload));

    const endings = createEndings();
    const firstSweep = Promise.withResolvers<number>();
    const stack = await startStack({
      ports: 'free',
      dataDirectory: join(directory, 'stack'),
      environment: {
        AWS_ENDPOINT_URL_DYNAMODB: ledger.urls.dynamodbUrl,
        AWS_ACCESS_KEY_ID: ledger.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: ledger.credentials.secretAccessKey,
        AWS_SESSION_TOKEN: '',
        IPD_RATE: String(scene.deliveriesPerMinute),
        DELIVERY_CONCURRENCY: String(scene.concurrency),
      },
      onLog: (line) => {
        endings.onLog(line);
        const begun = beginningOf(line);
        if (begun !== undefined) firstSweep.resolve(begun);
      },
    });
    stops.push(() => stack.stop());
    const admin = createAdmin(stack.urls.ipdAdminUrl);
    await admin.limit(scene);
    await stack.warm();

    log('waiting for the schedule');
    const startedAt = await firstSweep.promise;
    const before = usage();
    const idealMs = (scene.uploads / scene.uploadsPerSecond) * 1000;
    const isOver = (): boolean => performance.now() > startedAt + PATIENCE * idealMs;
    let reported = 0;
    while (endings.delivered() < scene.uploads && !isOver()) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      const minutes = Math.floor((performance.now() - startedAt) / MINUTE_MS);
      if (minutes > reported) log(`${minutes} min: ${endings.delivered()} delivered`);
      reported = minutes;
    }
    const busyPercent = busyBetween(before, usage());
    const arrived = await admin.arrived();
    return {
      makespanSeconds: (endings.lastAt() - startedAt) / 1000,
      lost:
        backlog.filter(({ sha256 }) => !arrived.has(sha256)).length + (scene.uploads - endings.delivered()),
      duplicates: [...arrived.values()].reduce((sum, copies) => sum + copies - 1, 0),
      ...(await admin.refusals()),
      busyPercent,
    };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

/** The admin API of the fake IPD. */
function createAdmin(url: string) {
  async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`${url}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  return {
    /** Uses both answers with which IPD throttles: https://support.huaweicloud.com/api-projectman/ErrorCode.html */
    async limit({ uploadsPerSecond, throttled, counts }: Scene): Promise<void> {
      await ask('PUT', '/settings', { rateLimit: { uploadsPerSecond, counts } });
      const kinds = [{ kind: 'throttled', early: true }, { kind: 'serviceThrottled' }];
      await ask(
        'PUT',
        '/faults',
        kinds.map((fault) => ({ match: { operation: 'upload' }, probability: throttled / 2, fault })),
      );
    },
    /** How many copies of each file IPD has, by SHA-256. */
    async arrived(): Promise<Map<string, number>> {
      const copies = new Map<string, number>();
      for (const { sha256 } of received.parse(await ask('GET', '/attachments'))) {
        copies.set(sha256, (copies.get(sha256) ?? 0) + 1);
      }
      return copies;
    },
    async refusals(): Promise<Pick<Drain, 'refusedAtRandom' | 'refusedPercent'>> {
      const fired = faults.parse(await ask('GET', '/faults')).map((rule) => rule.fired);
      const log = requests.parse(await ask('GET', '/requests'));
      const uploads = log.filter(({ operation }) => operation === 'upload');
      const refused = uploads.filter(({ status }) => status === 429 || status === 400);
      const refusedAtRandom = fired.reduce((sum, count) => sum + count, 0);
      return { refusedAtRandom, refusedPercent: (100 * refused.length) / uploads.length };
    },
  };
}

/** When a run of the sweep began, by `performance.now()`, from the line that ends it. */
function beginningOf({ functionKey, line }: LogLine): number | undefined {
  const duration = functionKey === 'sweep' ? /^REPORT .*Duration: ([\d.]+) ms/.exec(line)?.[1] : undefined;
  return duration === undefined ? undefined : performance.now() - Number(duration);
}

/** The times of all processors since the machine started. */
function usage(): { busy: number; all: number } {
  const times = cpus().map((cpu) => cpu.times);
  const all = times.reduce((sum, one) => sum + one.user + one.nice + one.sys + one.irq + one.idle, 0);
  return { all, busy: all - times.reduce((sum, { idle }) => sum + idle, 0) };
}

function busyBetween(from: ReturnType<typeof usage>, to: ReturnType<typeof usage>): number {
  return (100 * (to.busy - from.busy)) / (to.all - from.all);
}
