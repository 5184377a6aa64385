/** Turns what is used into dollars, service by service. Pure; prices and counts come from their own files. */
import { costOf } from './prices.ts';
import { idle, linkStepsOf, sizes, steps, stepsOf } from './usage.ts';
import type { Assumptions, Step, StepName } from './usage.ts';
import { GIB } from '../lib/domain/units.ts';

/** The settings of serverless.yml: memory in MB by function, sizes in MiB. */
export type Deployment = {
  memory: Record<'uploads' | 'deliver' | 'files' | 'sweep', number>;
  architecture: 'arm64' | 'x86_64';
  thresholdMib: number;
  /** How long linked files are kept. */
  linkedDays: number;
  partMib: number;
  /** Whether `deliver` reaches IPD through a NAT gateway. */
  nat?: boolean;
};

/** Dollars by service. */
export type Bill = Record<(typeof services)[number], number>;

export const services = [
  'transfer out',
  'Lambda',
  'S3',
  'DynamoDB',
  'API',
  'CloudWatch Logs',
  'SQS',
  'SNS',
] as const;

const MONTH_SECONDS = 730 * 3_600;
const DAY_SECONDS = 24 * 3_600;

/** S3's more expensive class of requests. ListParts is counted here, to be on the safe side. */
const STORAGE_WRITES = ['PUT', 'POST ?uploads', 'PUT ?uploadId', 'POST ?uploadId', 'GET ?uploadId'];
const STORAGE_READS = ['GET', 'HEAD'];

/** So many uploads of a deployment, at assumed times. */
type Uploads = { uploads: number; deployment: Deployment; assumed: Assumptions };

/** What `uploads` uploads of so many MiB cost. */
export function billOf(mib: number, { uploads, deployment, assumed }: Uploads): Bill {
  const parts = mib > deployment.thresholdMib ? Math.ceil(mib / deployment.partMib) : 1;
  const counts = stepsOf(mib, { parts, assumed });
  const bill = billOfSteps(counts, { mib, uploads, deployment, assumed });
  const fileGb = (mib / 1024) * uploads;
  bill.S3 += costOf('storedGbMonth', (fileGb * assumed.staged) / MONTH_SECONDS);
  bill.DynamoDB += keptForAMonth(uploads);
  const urls = parts === 1 ? 0 : parts;
  bill['transfer out'] += costOf('gbOut', fileGb + (urls * sizes.partUrl * uploads) / GIB);
  if (deployment.nat === true) bill['transfer out'] += costOf('natGb', fileGb);
  return bill;
}

/**
 * What files of so many MiB cost that become links, each from its upload to its end; and what it costs when each is
 * downloaded once, or is refused instead.
 */
export function linkBillOf(mib: number, of: Uploads) {
  const { uploads, deployment, assumed } = of;
  const parts = Math.ceil(mib / deployment.partMib);
  const fileGb = (mib / 1024) * uploads;
  const bill = billOfSteps(linkStepsOf(mib, { parts, assumed }), { mib, ...of });
  const urls = costOf('gbOut', (parts * sizes.partUrl * uploads) / GIB);
  const handling = sum(bill) - bill.S3 + urls + keptForAMonth(uploads);
  const storage = costOf('storedGbMonth', (fileGb * deployment.linkedDays * DAY_SECONDS) / MONTH_SECONDS);
  const removal = sum(billOfSteps({ remove: 1 }, { mib, ...of }));
  return {
    handling,
    requests: bill.S3,
    storage,
    removal,
    kept: handling + bill.S3 + storage + removal,
    download: sum(billOfSteps({ download: 1 }, { mib, ...of })) + costOf('gbOut', fileGb),
    refusal: sum(billOfSteps({ refuse: 1 }, { mib, ...of })),
  };
}

/** The cost of a month without uploads. */
export function idleBill({ deployment, assumed }: { deployment: Deployment; assumed: Assumptions }) {
  const { sweeps } = idle;
  return {
    'Secrets Manager: one secret': costOf('secretMonth', idle.secrets),
    'SQS: ten pollers that find nothing': costOf('queueRequest', idle.receives),
    'Lambda: a sweep a minute': runs({
      count: sweeps,
      seconds: assumed.sweep,
      memory: deployment.memory.sweep,
      deployment,
    }),
    'DynamoDB: what the sweeps read': costOf('readUnit', sweeps * idle.sweepReadUnits),
    'CloudWatch Logs: what the sweeps say': logged(
      sweeps * (sizes.invocationLog + idle.sweepLines * sizes.line),
    ),
    'CloudWatch: what the sweeps measure': costOf('metricMonth', idle.metrics),
    'CloudWatch: alarms': costOf('alarmMetricMonth', idle.alarmMetrics),
  };
}

/** What it costs to keep the records of so many uploads for a month, with the backup that the table has. */
export function keptForAMonth(uploads: number): number {
  const gb = (uploads * sizes.kept) / GIB;
  return costOf('recordGbMonth', gb) + costOf('backupGbMonth', gb);
}

export function sum(amounts: Record<string, number>): number {
  return Object.values(amounts).reduce((total, amount) => total + amount, 0);
}

/** Without what is stored, and without the bytes of files that leave. */
function billOfSteps(
  counts: Partial<Record<StepName, number>>,
  { mib, uploads, deployment, assumed }: Uploads & { mib: number },
): Bill {
  const bill = empty();
  for (const [name, count] of taken(counts)) {
    addStep(bill, steps[name], {
      count: count * uploads,
      seconds: secondsOf(name, { assumed, mib }),
      deployment,
    });
  }
  return bill;
}

function addStep(
  bill: Bill,
  step: Step,
  { count, seconds, deployment }: { count: number; seconds: number; deployment: Deployment },
): void {
  const { run, runs: times = 1, calls, records = 0, items = 0, entries = 0, queued = 0, lines = 0 } = step;
  const asked = (names: string[]) => names.reduce((total, name) => total + (calls[name] ?? 0), 0) * count;
  bill.S3 += costOf('storageWrite', asked(STORAGE_WRITES)) + costOf('storageRead', asked(STORAGE_READS));
  const written = (records * sizes.recordUnits + items + entries) * count;
  // A query of an index is eventually consistent: half a unit.
  bill.DynamoDB +=
    costOf('writeUnit', written) + costOf('readUnit', asked(['GetItem']) + asked(['Query']) / 2);
  bill.SQS += costOf('queueRequest', asked(['SendMessage']) + queued * count);
  bill.SNS += costOf('notification', asked(['Publish']));
  bill['CloudWatch Logs'] += logged(((run ? times * sizes.invocationLog : 0) + lines * sizes.line) * count);
  if (run === undefined) return;
  bill.Lambda += runs({ count: times * count, seconds, memory: deployment.memory[run], deployment });
  if (run === 'deliver') return;
  bill.API += costOf('apiCall', count);
  bill['transfer out'] += costOf('gbOut', (sizes.answer * count) / GIB);
}

function runs(of: { count: number; seconds: number; memory: number; deployment: Deployment }): number {
  const { count, seconds, memory, deployment } = of;
  const gbSecond = deployment.architecture === 'arm64' ? 'gbSecondArm' : 'gbSecondX86';
  return costOf('invocation', count) + costOf(gbSecond, count * seconds * (memory / 1024));
}

function logged(bytes: number): number {
  return costOf('logGb', bytes / GIB) + costOf('logGbMonth', bytes / GIB);
}

/** Of each run of a step. */
function secondsOf(name: StepName, { assumed, mib }: { assumed: Assumptions; mib: number }): number {
  switch (name) {
    case 'create':
    case 'complete':
    case 'poll':
    case 'echo':
    case 'remove':
    case 'download':
    case 'refuse':
      return assumed[name];
    case 'deliver':
      return assumed.deliver + mib / assumed.mibPerSecondToIpd;
    case 'link':
      return assumed.link + mib / assumed.mibPerSecondCopied;
    // No function runs, or the time belongs to another step.
    case 'begin':
    case 'put':
    case 'putPart':
    case 'progress':
      return 0;
  }
}

function taken(counts: Partial<Record<StepName, number>>): [StepName, number][] {
  return stepNames.map((name) => [name, counts[name] ?? 0]);
}

const stepNames: StepName[] = [
  'create',
  'begin',
  'put',
  'putPart',
  'complete',
  'poll',
  'deliver',
  'progress',
  'echo',
  'link',
  'remove',
  'download',
  'refuse',
];

function empty(): Bill {
  return {
    'transfer out': 0,
    Lambda: 0,
    S3: 0,
    DynamoDB: 0,
    API: 0,
    'CloudWatch Logs': 0,
    SQS: 0,
    SNS: 0,
  };
}
