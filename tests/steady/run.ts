/**
 * `npm run test:steady -- --minutes N`: whether any test depends on the machine's speed. Runs a stage again and again
 * while all cores are busy with something else, processes stand still at random and answers come late. Ends with 1 when
 * a test has failed; each failure is printed with the seed of its round.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createRandom } from '../chaos/random.ts';
import { stageNamed } from '../stages.ts';
import { occupy, stopAtRandom } from './disturb.ts';

const HELP = `npm run test:steady -- [options] [PATTERN…]
  --minutes N     begin rounds for so long (10); the last one is played to its end
  --seed TEXT     of the first round; each further one adds its number
  --stage NAME    of npm run test:all (test)
  PATTERN         only test files whose path holds it`;
const ROOT = join(import.meta.dirname, '../..');
/** Of a failure's message. */
const SHOWN_LINES = 12;

const report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
});

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now()) },
    stage: { type: 'string', default: 'test' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(HELP);
else process.exitCode = (await play()) ? 0 : 1;

async function play(): Promise<boolean> {
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes is a number above 0, not ${values.minutes}`);
  const { name } = stageNamed(values.stage);
  const directory = mkdtempSync(join(tmpdir(), 'steady-'));
  const letGo = occupy(availableParallelism());
  process.once('exit', letGo);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const until = performance.now() + minutes * 60_000;
  const together = { passed: 0, failed: 0 };
  try {
    for (let number = 0; number === 0 || performance.now() < until; number += 1) {
      const seed = number === 0 ? values.seed : `${values.seed}+${number}`;
      const round = await playRound(name, seed, join(directory, 'report.json'));
      together.passed += round.passed;
      together.failed += round.failed;
    }
  } finally {
    letGo();
    rmSync(directory, { recursive: true });
  }
  console.log(`${together.passed} passed, ${together.failed} failed`);
  return together.failed === 0 && together.passed > 0;
}

async function playRound(
  stage: string,
  seed: string,
  outputFile: string,
): Promise<{ passed: number; failed: number }> {
  const startedAt = performance.now();
  const flags = ['--experimental-vm-modules', 'tools/run.mjs', 'tests/jest.ts', stage];
  const child = spawn(
    process.execPath,
    [...flags, '--silent', '--json', `--outputFile=${outputFile}`, ...positionals],
    {
      cwd: ROOT,
      stdio: 'ignore',
      env: { ...process.env, STEADY_SEED: seed },
    },
  );
  const end = (): boolean => child.kill();
  process.once('exit', end);
  const over = new AbortController();
  const stopping = stopAtRandom(child.pid ?? 0, createRandom(seed), { signal: over.signal });
  await once(child, 'exit');
  process.off('exit', end);
  over.abort();
  const stops = await stopping;

  const {
    numPassedTests: passed,
    testResults,
    ...counts
  } = report.parse(JSON.parse(readFileSync(outputFile, 'utf8')));
  rmSync(outputFile);
  const broken = testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
  const failed = counts.numFailedTests + broken.length;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(`seed ${seed}: ${passed} passed, ${failed} failed, ${seconds} s, ${stops} stops`);
  for (const { name, message } of broken) show(relative(ROOT, name), message);
  for (const { name, assertionResults } of testResults) {
    for (const test of assertionResults.filter(({ status }) => status === 'failed')) {
      show(`${relative(ROOT, name)}: ${test.fullName}`, test.failureMessages.join('\n'));
    }
  }
  return { passed, failed };
}

function show(what: string, message: string): void {
  const lines = message.trim().split('\n').slice(0, SHOWN_LINES);
  console.log([`  FAILED ${what}`, ...lines.map((line) => `    ${line}`)].join('\n'));
}
