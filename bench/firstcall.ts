/**
 * What a cold container costs until its first event is answered: a packaged function beside a handler as one would
 * first write it for the same job. Each figure comes from a process of its own, minus that of a handler that does
 * nothing; what the handlers speak to are other processes, which no figure holds.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { newCreation, newDelivery, newNaiveDelivery } from './first-event.ts';
import type { FirstEvent } from './first-event.ts';
import { packageFunctions } from './packaged.ts';
import { writeEmpty, writePeer } from './plain-handlers.ts';
import { median, rowsOf } from './report.ts';
import type { Bench, Figures, Options } from './report.ts';
import { startServers } from './servers.ts';
import type { Servers } from './servers.ts';

const ROUNDS = 15;
const SUBJECTS = ['empty', 'naive', 'bridge'] as const;
/** A start that takes longer is an error. */
const LIMIT_MS = 60_000;

/** Lambda's runtime imports a handler in the same way. A function writes its log lines before the last line. */
const PROGRAM = `
  const [path, event] = process.argv.slice(1);
  const context = { awsRequestId: 'bench', getRemainingTimeInMillis: () => ${LIMIT_MS} };
  const taken = () => {
    const { user, system } = process.cpuUsage();
    return { cpuMs: (user + system) / 1000, wallMs: performance.now() };
  };
  const begun = taken();
  const { handler } = await import(path);
  const imported = taken();
  const answer = await handler(JSON.parse(event), context);
  const answered = taken();
  console.log(JSON.stringify({ begun, imported, answered, answer }));
  // Idle keep-alive sockets would keep the process running.
  process.exit(0);
`;
/** By the process since its own start. */
const taken = z.object({ cpuMs: z.number(), wallMs: z.number() });
const started = z.object({ begun: taken, imported: taken, answered: taken, answer: z.unknown().optional() });

type Taken = z.output<typeof taken>;

const PARTS = { import: 'the import', event: 'the first event', start: 'the whole start' };
const FIGURES = { cpuMs: 'CPU', wallMs: 'time' };
const LIMITS = { firstCallVsNaive: 0.4, importVsNaive: 0.35 };

type Subject = (typeof SUBJECTS)[number];
type Part = keyof typeof PARTS;
type Start = Record<Part, Taken>;

type Job = {
  name: string;
  /** The file of `peers/` that does the same. */
  peer: string;
  /** Beside those that the embedded stack gives. */
  settings: Record<string, string>;
  newEvent: Record<Subject, (servers: Servers) => FirstEvent | Promise<FirstEvent>>;
};

const JOBS: Job[] = [
  {
    name: 'uploads',
    peer: 'naive',
    settings: { PREFLIGHT: 'off' },
    newEvent: { empty: newNothing, bridge: newCreation, naive: newCreation },
  },
  {
    name: 'deliver',
    peer: 'naive-deliver',
    settings: {},
    newEvent: { empty: newNothing, bridge: newDelivery, naive: newNaiveDelivery },
  },
];

/** A handler and its starts so far. */
type Case = { job: Job; subject: Subject; path: string; starts: Start[] };

export const bench: Bench = { limits: LIMITS, measure };

async function measure({ rounds = ROUNDS, log }: Options): Promise<Figures> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-firstcall-'));
  try {
    log('packaging');
    const cases = await prepare(directory);
    const servers = await startServers({ directory: join(directory, 'ledger') });
    try {
      // The first round loads the files into the page cache and does not count.
      for (let round = 0; round <= rounds; round += 1) {
        for (const one of cases) {
          const start = await startAlone(one, servers);
          if (round > 0) one.starts.push(start);
        }
        if (round % 5 === 0) log(`round ${round} of ${rounds}`);
      }
    } finally {
      await servers.stop();
    }
    return figures(cases);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function prepare(directory: string): Promise<Case[]> {
  const packaged = await packageFunctions(directory);
  const empty = await writeEmpty(directory);
  const cases: Case[] = [];
  for (const job of JOBS) {
    const unpacked = packaged.get(job.name)?.path;
    if (unpacked === undefined) throw new Error(`the package has no function ${job.name}`);
    const paths = {
      empty,
      bridge: join(unpacked, 'functions', `${job.name}.mjs`),
      naive: await writePeer(directory, job.peer),
    };
    for (const subject of SUBJECTS) cases.push({ job, subject, path: paths[subject], starts: [] });
  }
  return cases;
}

/** Throws when the handler has not done its job. */
async function startAlone({ job, subject, path }: Case, servers: Servers): Promise<Start> {
  const { name, settings } = job;
  const { NODE_OPTIONS, ...environment } = servers.environmentOf(name, { leg: 'plain', settings });
  // What the flags cost is part of the bridge: a first version has none.
  const options = subject === 'bridge' && NODE_OPTIONS !== undefined ? { NODE_OPTIONS } : {};
  const { event, check } = await job.newEvent[subject](servers);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', PROGRAM, path, JSON.stringify(event)],
    { env: { ...environment, ...options, IPD_TOKEN: 'the token of the bench' }, timeout: LIMIT_MS },
  );
  try {
    const last = stdout.trimEnd().split('\n').at(-1) ?? '';
    const { begun, imported, answered, answer } = started.parse(JSON.parse(last));
    await check(answer);
    return {
      import: between(begun, imported),
      event: between(imported, answered),
      start: answered,
    };
  } catch (cause) {
    throw new Error(`${subject} has not done the job of ${name}:\n${stdout}`, { cause });
  }
}

function between(from: Taken, to: Taken): Taken {
  return { cpuMs: to.cpuMs - from.cpuMs, wallMs: to.wallMs - from.wallMs };
}

function newNothing(): FirstEvent {
  return { event: {}, check: async () => undefined };
}

function figures(cases: readonly Case[]): Figures {
  /** Of every start, minus the median of the empty handler. */
  const net = (job: Job, subject: Subject, part: Part, figure: keyof Taken): number[] => {
    const values = (of: Subject): number[] =>
      cases
        .filter((one) => one.job === job && one.subject === of)
        .flatMap(({ starts }) => starts.map((start) => start[part][figure]));
    const empty = median(values('empty'));
    return values(subject).map((value) => value - empty);
  };
  const rows = JOBS.flatMap((job) =>
    (['naive', 'bridge'] as const).flatMap((subject) =>
      (['cpuMs', 'wallMs'] as const).flatMap((figure) =>
        (['import', 'event', 'start'] as const).flatMap((part) =>
          rowsOf({
            subject: subject === 'bridge' ? `bridge: ${job.name}` : job.peer,
            metric: `${FIGURES[figure]} of ${PARTS[part]}`,
            unit: 'ms',
            values: net(job, subject, part, figure),
          }),
        ),
      ),
    ),
  );
  const ratios = (ratio: string, part: Part): Record<string, number> => {
    const cpu = (job: Job, subject: Subject): number => median(net(job, subject, part, 'cpuMs'));
    const ofJobs = JOBS.map((job) => ({ job, value: cpu(job, 'bridge') / cpu(job, 'naive') }));
    return {
      [ratio]: Math.max(...ofJobs.map(({ value }) => value)),
      ...Object.fromEntries(ofJobs.map(({ job, value }) => [`${ratio}.${job.name}`, value])),
    };
  };
  return {
    rows,
    ratios: {
      ...ratios('firstCallVsNaive', 'start'),
      ...ratios('importVsNaive', 'import'),
      ...ratios('firstEventVsNaive', 'event'),
    },
  };
}
