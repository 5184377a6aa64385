/**
 * Does the cost of a sweep depend on the due records, or on all records? A hundred deliveries are due among a thousand
 * records and among two hundred thousand. Beside it, a simple sweep: a scan of the table for the due records.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Upload } from '../lib/domain/upload.ts';
import { createRunner } from '../local/gateway/runner.ts';
import type { LogLine } from '../local/gateway/runner.ts';
import { makeIpdCredentials } from '../local/keys.ts';
import { deployEnvironment, lambdaEnvironment } from '../local/settings.ts';
import { functionsOf, readService } from '../local/template.ts';
import { inBatches, SERVICE_DIRECTORY, startLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { scanForDue } from './peers/scan.ts';
import { awaitingUpload, deliveredUpload, stagedUpload } from './records.ts';
import { median, rowsOf } from './report.ts';
import type { Bench, Figures, Options } from './report.ts';
import { HOUR_MS } from '../lib/domain/units.ts';

const SCALES = { small: 1_000, large: 200_000 };
const DUE = 100;
const SAMPLES = 64;
const ROUNDS = 25;
const WARM_UP_ROUNDS = 5;
/** A few scans are enough: each reads the whole table. */
const SCANS = 3;

type Ground = Awaited<ReturnType<typeof prepare>>;
type Sweep = { wallMs: number; requests: number };

export const bench: Bench = { limits: { sweepScale: 1.2 }, measure };

async function measure({ rounds = ROUNDS, log }: Options): Promise<Figures> {
  const grounds: Ground[] = [];
  try {
    for (const count of Object.values(SCALES)) {
      log(`loading ${count} records`);
      grounds.push(await prepare(count));
    }
    const sweeps = grounds.map((): Sweep[] => []);
    log('sweeping');
    for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
      const inOrder = [...grounds.entries()];
      for (const [index, ground] of round % 2 === 0 ? inOrder : inOrder.toReversed()) {
        const sweep = await ground.sweep();
        if (round >= 0) sweeps[index]?.push(sweep);
      }
    }
    log('and the peer');
    const scans = grounds.map((): number[] => []);
    for (let round = 0; round < SCANS; round += 1) {
      for (const [index, ground] of grounds.entries()) scans[index]?.push(await ground.scan());
    }
    return figures(sweeps, scans);
  } finally {
    for (const ground of grounds) await ground.stop();
  }
}

/** A ledger with `count` records, and the deployed sweep on it. */
async function prepare(count: number) {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-sweepscale-'));
  const ledger = await startLedger({ directory: join(directory, 'ledger') });
  await ledger.add(samples());
  // A server gets faster with use, as V8 compiles its code: both servers do the same number of writes.
  await ledger.multiply(count - DUE, SCALES.large);
  const { invoke, close } = startSweep(ledger, join(directory, 'cache'));

  return {
    /** Adds a hundred due uploads and times the run that queues them. */
    async sweep(): Promise<Sweep> {
      const due = dueUploads();
      await ledger.add(due);
      await ledger.freeSlots();
      const before = requestsOf(await ledger.asked());
      const started = performance.now();
      await invoke();
      const wallMs = performance.now() - started;
      const requests = requestsOf(await ledger.asked()) - before;
      await finishAll(ledger, due);
      return { wallMs, requests };
    },
    async scan(): Promise<number> {
      const started = performance.now();
      await scanForDue({ client: ledger.clients.dynamodb, table: ledger.table, time: Date.now() });
      return performance.now() - started;
    },
    async stop(): Promise<void> {
      await close();
      await ledger.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Half are delivered, half are due later: so the index of due records holds a hundred thousand, too. */
function samples(): Upload[] {
  const now = Date.now();
  return Array.from({ length: SAMPLES }, (_, index) => {
    const farMs = (index + 2) * HOUR_MS;
    return index % 2 === 0
      ? deliveredUpload({ deliveredAt: now - farMs })
      : awaitingUpload({ dueAt: now + farMs });
  });
}

function dueUploads(): Upload[] {
  const dueAt = Date.now() - 1000;
  return Array.from({ length: DUE }, (_, index) =>
    stagedUpload({ issueId: '956239067176935400', size: 1000 + index, etag: 'none', dueAt }),
  );
}

/** The function of serverless.yml in a child process, as the embedded stack runs it. */
function startSweep({ service: planned, urls, credentials, references }: Ledger, cacheDirectory: string) {
  const endpoints = {
    ...urls,
    apiUrl: urls.sqsUrl,
    issuerUrl: urls.sqsUrl,
    s3Url: urls.sqsUrl,
    snsUrl: urls.sqsUrl,
    ipdUrl: urls.sqsUrl,
  };
  const env = { IPD_RATE: '12000' };
  const deployed = deployEnvironment(env, { urls: endpoints }, makeIpdCredentials());
  const service = readService({ directory: SERVICE_DIRECTORY, env: deployed });
  const { region } = planned.provider;
  const lines: LogLine[] = [];
  const runner = createRunner({
    functions: functionsOf(service, { ...references, StagingBucket: { ref: 'none', attributes: {} } }).filter(
      ({ key }) => key === 'sweep',
    ),
    handlers: { directory: SERVICE_DIRECTORY, extension: '.ts' },
    region,
    environment: lambdaEnvironment(credentials, region, endpoints),
    cacheDirectory,
    log: (line) => lines.push(line),
  });
  return { invoke: () => runner.invoke('sweep', {}), close: () => runner.close() };
}

/** Checks that the run changed each due upload, then removes them, so that every run starts from the same ledger. */
async function finishAll(ledger: Ledger, due: readonly Upload[]): Promise<void> {
  await inBatches(due, 10, async ({ id }) => {
    const after = await ledger.find(id);
    if (after?.version !== 2) throw new Error(`the sweep left upload ${id} behind`);
  });
  await ledger.remove(due.map(({ id }) => id));
}

function requestsOf(asked: Record<string, number>): number {
  return ['GetItem', 'PutItem', 'Query', 'Scan'].reduce((sum, name) => sum + (asked[name] ?? 0), 0);
}

function figures(
  [small = [], large = []]: Sweep[][],
  [scansSmall = [], scansLarge = []]: number[][],
): Figures {
  const wall = (sweeps: Sweep[]): number[] => sweeps.map(({ wallMs }) => wallMs);
  const requests = (sweeps: Sweep[]): number => median(sweeps.map((sweep) => sweep.requests));
  const sizes = Object.values(SCALES).map((count) => count.toLocaleString('en'));
  const [few = '', many = ''] = sizes.map((size) => `${DUE} due of ${size}`);
  return {
    rows: [
      ...rowsOf({ subject: 'bridge', metric: few, unit: 'ms', values: wall(small) }),
      ...rowsOf({ subject: 'bridge', metric: many, unit: 'ms', values: wall(large) }),
      { subject: 'bridge', metric: `${few}, asked of DynamoDB`, value: requests(small), unit: 'requests' },
      { subject: 'bridge', metric: `${many}, asked of DynamoDB`, value: requests(large), unit: 'requests' },
      ...rowsOf({ subject: 'scan', metric: `${few}, finding them only`, unit: 'ms', values: scansSmall }),
      ...rowsOf({ subject: 'scan', metric: `${many}, finding them only`, unit: 'ms', values: scansLarge }),
    ],
    ratios: {
      sweepScale: median(wall(large)) / median(wall(small)),
      sweepRequestsScale: requests(large) / requests(small),
      scanScale: median(scansLarge) / median(scansSmall),
    },
  };
}
