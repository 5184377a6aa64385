/**
 * `npm run model`: has Spin try every run of delivery.pml. As the protocol is, no run may break a promise; with an
 * assumption broken or a guard removed, some run must. https://spinroot.com/spin/Man/
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs, promisify } from 'node:util';

const HELP = `npm run model -- [NAME] [--shortest]
  NAME        only the rows whose name has this text, such as BREAK_CLOCKS
  --shortest  the shortest run that breaks a promise with its steps, for two uploads as well. Takes minutes`;
const MODEL = join(import.meta.dirname, 'delivery.pml');
const run = promisify(execFile);

const ONE = ['UPLOADS=1', 'SENDS=3'];
const TWO = ['UPLOADS=2', 'SENDS=2', 'EQUAL_BYTES'];

type Row = { name: string; says: string; switches: string[] };

/** As the protocol is. Two uploads have too many states for runs with more faults. */
const honest: Row[] = [
  {
    name: 'one upload',
    says: 'a person may attach a file of the same size',
    switches: [...ONE, 'PERSON_ATTACHES'],
  },
  { name: 'one upload', says: 'an equal file is there already', switches: [...ONE, 'EQUAL_OLD_ATTACHMENT'] },
  {
    name: 'two uploads of equal size',
    says: 'up to three faults',
    switches: ['UPLOADS=2', 'SENDS=3', 'FAULTS=3'],
  },
  {
    name: 'two uploads of equal bytes',
    says: 'up to three faults',
    switches: ['UPLOADS=2', 'SENDS=3', 'FAULTS=3', 'EQUAL_BYTES'],
  },
];

const ends: Row = {
  name: 'each run ends',
  says: 'one upload, up to two faults, IPD away at any time',
  switches: ['UPLOADS=1', 'SENDS=2', 'FAULTS=2', 'LIVENESS'],
};

/** docs/delivery.md lists the same, in the same order. */
const assumptions: Row[] = [
  { name: 'BREAK_COMMIT_WINDOW', says: 'IPD commits after the commit window', switches: ONE },
  { name: 'BREAK_KILLED_IN_TIME', says: 'a function outlives its lease', switches: ONE },
  { name: 'BREAK_CLOCKS', says: 'clocks differ by more than the slack', switches: ONE },
  { name: 'BREAK_BOUNDARY', says: 'IPD keeps a form without its closing boundary', switches: ONE },
  { name: 'BREAK_REFUSAL', says: 'IPD refuses a file and keeps it', switches: ONE },
  { name: 'BREAK_STORED_ONCE', says: 'IPD stores one request twice', switches: ONE },
  {
    name: 'BREAK_NAMED_ID',
    says: 'IPD names a new attachment that is not this file',
    switches: [...ONE, 'PERSON_ATTACHES'],
  },
  { name: 'BREAK_NO_EQUAL_FILE', says: 'a person attaches the same bytes meanwhile', switches: ONE },
  {
    name: 'BREAK_NOT_GIVEN_UP_BEFORE_EQUAL_FILE',
    says: 'an upload in doubt is given up, an equal one goes on',
    switches: [...TWO, 'FAULTS=3'],
  },
];

const guards: Row[] = [
  { name: 'WITHOUT_LEASE_AT_FENCE', says: 'the fence does not ask for the lease', switches: ONE },
  {
    name: 'WITHOUT_COMMIT_WINDOW',
    says: 'a doubt is resolved before the commit window is over',
    switches: ONE,
  },
  {
    name: 'WITHOUT_TIME_OF_READING',
    says: 'a reading counts by the time after it, not before it',
    switches: ONE,
  },
  { name: 'WITHOUT_DOUBT_AFTER_LOST_ANSWER', says: 'a lost answer counts as a failure', switches: ONE },
  { name: 'WITHOUT_DOUBT_AFTER_LEASE', says: 'a death behind the fence counts as a failure', switches: ONE },
  { name: 'WITHOUT_DOUBT_AT_RETRY', says: 'a retry forgets the doubt', switches: ONE },
  { name: 'WITHOUT_CANCEL_RULE', says: 'an upload that IPD may have is cancelled', switches: ONE },
  { name: 'WITHOUT_BYTES', says: 'a match by size alone', switches: [...ONE, 'PERSON_ATTACHES'] },
  { name: 'WITHOUT_BASELINE', says: 'no baseline', switches: [...ONE, 'EQUAL_OLD_ATTACHMENT'] },
  {
    name: 'WITHOUT_CHECK_OF_NAMED_ID',
    says: 'every id that IPD names is taken',
    switches: [...ONE, 'EQUAL_OLD_ATTACHMENT'],
  },
  {
    name: 'WITHOUT_ATTACHMENT_CLAIM',
    says: 'an attachment may have two owners',
    switches: [...TWO, 'FAULTS=2'],
  },
  { name: 'WITHOUT_WORK_ITEM_LOCK', says: 'no work-item lock', switches: [...TWO, 'FAULTS=1'] },
  {
    name: 'WITHOUT_WORK_ITEM_VERSION',
    says: 'the work item is taken over without its version',
    switches: [...TWO, 'FAULTS=2'],
  },
  {
    name: 'WITHOUT_WORK_ITEM_AFTER_LIST',
    says: 'the check for a second copy does not take the work item again',
    switches: ['UPLOADS=2', 'SENDS=3', 'FAULTS=2', 'EQUAL_BYTES'],
  },
  {
    name: 'WITHOUT_LEASE_AT_MATCH',
    says: 'a check records its match though its function has lost the lease',
    switches: [...TWO, 'FAULTS=2'],
  },
];

type Search = 'all' | 'first' | 'shortest' | 'cycles';

/** `isBroken`: some run has to break a promise. */
type Task = Row & { search: Search; isBroken: boolean };

/** `broken`: the promise that some run breaks, with the steps of that run. */
type Result = { states: number; seconds: number; broken?: { promise: string; steps: string[] } };

/** These two remove dead stores; in the verifier's longest function they take half of the compiler's time and save none. */
const OPTIMISED = ['-O2', '-fno-tree-dse', '-fno-dse'];
const SAFETY = ['-DSAFETY', '-DNOCLAIM'];

/**
 * Options of the compiler and of the verifier that it makes. To optimise takes longer than it saves in a small search.
 * `first` ends at any run that breaks a promise: of two uploads, it finds one in a hundredth of the states of the shortest.
 */
const SEARCHES: Record<Search, { compile: string[]; verify: string[] }> = {
  all: { compile: [...OPTIMISED, ...SAFETY], verify: ['-w25', '-m1000000'] },
  first: { compile: ['-O0', ...SAFETY], verify: ['-w20', '-m1000000'] },
  shortest: { compile: ['-O0', ...SAFETY, '-DBFS', '-DCOLLAPSE'], verify: ['-w25'] },
  cycles: { compile: [...OPTIMISED, '-DNFAIR=3'], verify: ['-w25', '-a', '-f', '-m1000000'] },
};

/** Searches at a time. The largest takes 1.3 GB of memory, and 2 GB for a shortest run. */
const LANES = Math.min(2, availableParallelism());

const { values, positionals } = parseArgs({
  options: {
    shortest: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const [filter = ''] = positionals;
const missing = await findMissing();

if (values.help) console.log(HELP);
else if (missing.length > 0)
  console.log(`NOT RUN: this machine does not have ${missing.join(' and ')} (Debian: apt install spin gcc)`);
else await checkAll();

async function checkAll(): Promise<void> {
  const begun = performance.now();
  const tasks = [
    ...honest.map((row): Task => ({ ...row, search: 'all', isBroken: false })),
    { ...ends, search: 'cycles', isBroken: false } as const,
    ...[...assumptions, ...guards].map((row): Task => ({
      ...row,
      switches: [...row.switches, row.name],
      search: values.shortest || row.switches.includes('UPLOADS=1') ? 'shortest' : 'first',
      isBroken: true,
    })),
  ].filter(({ name }) => name.includes(filter));
  console.log('No run may break a promise. With an assumption broken or a guard removed, some run must.\n');
  let [states, wrong] = [0, 0];
  for await (const { task, result } of inLanes(tasks, check)) {
    print(task, result);
    states += result.states;
    if (task.isBroken !== (result.broken !== undefined)) wrong += 1;
  }
  const seconds = Math.round((performance.now() - begun) / 1000);
  console.log(
    `\n${tasks.length} searches, ${states.toLocaleString('en')} states, ${seconds} s: ${wrong} not as expected`,
  );
  console.log(`${tasks.length - wrong} passed, ${wrong} failed`);
  if (wrong > 0 || tasks.length === 0) process.exitCode = 1;
}

/** The results in the order of the tasks. */
async function* inLanes(
  tasks: Task[],
  work: (task: Task) => Promise<Result>,
): AsyncGenerator<{ task: Task; result: Result }> {
  const entries = tasks.map((task) => ({ task, ...Promise.withResolvers<Result>() }));
  const waiting = [...entries];
  const begin = async (): Promise<void> => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
      entry.resolve(work(entry.task));
      // The reader of the results handles a failure.
      await entry.promise.catch(() => undefined);
    }
  };
  for (let lane = 0; lane < LANES; lane += 1) void begin();
  for (const { task, promise } of entries) yield { task, result: await promise };
}

/** Makes a verifier of the model with these switches in a folder of its own, and runs it. */
async function check({ switches, search }: Task): Promise<Result> {
  const cwd = await mkdtemp(join(tmpdir(), 'model-'));
  const defined = switches.map((name) => `-D${name}`);
  const { compile, verify } = SEARCHES[search];
  try {
    await run('spin', [...defined, '-a', MODEL], { cwd });
    const memory = ['-DVECTORSZ=1024', '-DMEMLIM=6000'];
    await run('cc', ['-w', ...memory, ...compile, '-o', 'pan', 'pan.c'], { cwd });
    const { stdout } = await run(join(cwd, 'pan'), ['-n', ...verify], { cwd, maxBuffer: 2 ** 26 });
    const states = Number(/(\d+) states, stored/.exec(stdout)?.[1]);
    const seconds = Number(/elapsed time ([\d.e+-]+) seconds/.exec(stdout)?.[1]);
    if (/errors: 0\b/.test(stdout) && !/not completed|max search depth/.test(stdout))
      return { states, seconds };
    if (/errors: 0\b/.test(stdout)) throw new Error(`the search was not completed:\n${stdout.slice(-2000)}`);
    return { states, seconds, broken: await explain(cwd, defined) };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** Plays the run that the verifier has left. */
async function explain(cwd: string, defined: string[]): Promise<{ promise: string; steps: string[] }> {
  const options = [...defined, '-T', '-t', '-k', 'delivery.pml.trail', MODEL];
  const { stdout } = await run('spin', options, { cwd, maxBuffer: 2 ** 26 });
  const steps = [...stdout.matchAll(/^\s*STEP (.*)$/gm)].map(([, step = '']) => step);
  const promise = /^\s*BROKEN (.*)$/m.exec(stdout)?.[1];
  return { promise: promise ?? 'each run ends, with all uploads in a final state', steps };
}

function print({ name, says, isBroken, search }: Task, { states, seconds, broken }: Result): void {
  const [kept, found] = isBroken ? ['NOT FOUND', 'found'] : ['no error', 'ERROR'];
  const verdict = broken === undefined ? kept : found;
  const figures = `${states.toLocaleString('en')} states, ${seconds.toFixed(1)} s`;
  console.log(`${verdict.padEnd(9)}  ${name}: ${says} (${figures})`);
  if (broken === undefined) return;
  // Another one than the shortest has hundreds of steps that have nothing to do with it.
  if (search === 'shortest') for (const step of broken.steps) console.log(`             ${step}`);
  console.log(`             Broken: ${broken.promise}`);
}

/** What is needed and does not start. */
async function findMissing(): Promise<string[]> {
  const tools = [
    { name: 'Spin', start: () => run('spin', ['-V']) },
    { name: 'a C compiler', start: () => run('cc', ['--version']) },
  ];
  const absent = await Promise.all(
    tools.map(({ name, start }) =>
      start().then(
        () => [],
        () => [name],
      ),
    ),
  );
  return absent.flat();
}
