/**
 * The cost of a start of each packaged function before its first event, beside a handler as one would first write it.
 * Each figure comes from a process of its own, minus the figure of a handler that does nothing.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { packageFunctions } from './packaged.ts';
import { writeEmpty, writePeer } from './plain-handlers.ts';
import { median, rowsOf } from './report.ts';
import type { Bench, Figures, Options, Row } from './report.ts';

const ROUNDS = 25;
const FUNCTIONS = ['uploads', 'deliver', 'uppy', 'attach', 'sweep'];

/** Lambda's runtime imports a handler in the same way. CPU is measured beside time: a busy machine changes the time. */
const PROGRAM = `
  const cpu = process.cpuUsage();
  const start = performance.now();
  await import(process.argv[1]);
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ wallMs, cpuMs: (user + system) / 1000, rssMiB: process.memoryUsage.rss() / 2 ** 20 }));
`;
const started = z.object({ wallMs: z.number(), cpuMs: z.number(), rssMiB: z.number() });

type Start = z.output<typeof started>;

export const bench: Bench = { limits: { coldstartVsNaive: 0.42, zipKb: 350 }, measure };

async function measure({ rounds = ROUNDS, log }: Options): Promise<Figures> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-coldstart-'));
  try {
    log('packaging');
    const functions = await packageFunctions(directory);
    const zips = new Map(FUNCTIONS.map((name) => [name, found(functions.get(name), name)]));
    const paths = new Map([
      ['empty', await writeEmpty(directory)],
      ['naive', await writePeer(directory, 'naive')],
      ...[...zips].map(([name, { path }]) => [name, join(path, 'functions', `${name}.mjs`)] as const),
    ]);
    const starts = new Map([...paths.keys()].map((name): [string, Start[]] => [name, []]));
    // The first round loads the files into the page cache and does not count.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, path] of paths) {
        const start = await startAlone(path);
        if (round > 0) starts.get(name)?.push(start);
      }
      if (round % 5 === 0) log(`round ${round} of ${rounds}`);
    }
    return figures(starts, zips);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function startAlone(path: string): Promise<Start> {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', PROGRAM, path], {
    env: { AWS_REGION: 'eu-central-1' },
  });
  return started.parse(JSON.parse(stdout));
}

function figures(starts: Map<string, Start[]>, zips: Map<string, { zipBytes: number }>): Figures {
  const empty = medians(found(starts.get('empty'), 'empty'));
  const net = (name: string): Start[] =>
    found(starts.get(name), name).map(({ wallMs, cpuMs, rssMiB }) => ({
      wallMs: wallMs - empty.wallMs,
      cpuMs: cpuMs - empty.cpuMs,
      rssMiB: rssMiB - empty.rssMiB,
    }));
  const rows = ['naive', ...FUNCTIONS].flatMap((name): Row[] => {
    const values = net(name);
    const subject = name === 'naive' ? name : `bridge: ${name}`;
    const zip = zips.get(name);
    return [
      ...rowsOf({ subject, metric: 'CPU', unit: 'ms', values: values.map(({ cpuMs }) => cpuMs) }),
      ...rowsOf({ subject, metric: 'time', unit: 'ms', values: values.map(({ wallMs }) => wallMs) }),
      { subject, metric: 'memory', value: medians(values).rssMiB, unit: 'MiB' },
      ...(zip === undefined ? [] : [{ subject, metric: 'zip', value: zip.zipBytes / 1000, unit: 'kB' }]),
    ];
  });
  const naive = medians(net('naive')).cpuMs;
  const ratio = (name: string): number => medians(net(name)).cpuMs / naive;
  return {
    rows,
    ratios: {
      coldstartVsNaive: Math.max(ratio('uploads'), ratio('deliver')),
      ...Object.fromEntries(FUNCTIONS.map((name) => [`coldstartVsNaive.${name}`, ratio(name)])),
      zipKb: Math.max(...[...zips.values()].map(({ zipBytes }) => zipBytes)) / 1000,
    },
  };
}

function medians(starts: Start[]): Start {
  return {
    wallMs: median(starts.map(({ wallMs }) => wallMs)),
    cpuMs: median(starts.map(({ cpuMs }) => cpuMs)),
    rssMiB: median(starts.map(({ rssMiB }) => rssMiB)),
  };
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the package has no function ${name}`);
  return value;
}
