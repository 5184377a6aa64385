/** `npm run check:static`: all checks that run nothing of the product, side by side; the last line is `N passed, N failed`. */
import { availableParallelism } from 'node:os';
import { installTools } from './install.ts';
import { endOf, logOf, runSideBySide } from './side-by-side.ts';
import type { Ended } from './side-by-side.ts';

/** Scripts of package.json, the longest first. */
const CHECKS = [
  'check:template',
  'check:types',
  'check:format',
  'check:words',
  'check:lint',
  'check:unused',
  'check:layers',
  'check:api',
];
const SHOWN_LINES = 100;

const failed: string[] = [];

installTools();
await runSideBySide(
  CHECKS.map((name) => ({ name, cores: 1, line: `npm run -s ${name}` })),
  { cores: availableParallelism(), onEnd },
);
console.log(`${CHECKS.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;

function onEnd(ended: Ended): void {
  const { name, isOk, seconds } = ended;
  console.log(`${name}: ${isOk ? 'nothing found' : 'FAILED'}, ${seconds.toFixed(1)} s`);
  if (isOk) return;
  failed.push(name);
  console.log(`${endOf(ended, SHOWN_LINES)}\n  all of it: ${logOf(name)}`);
}
