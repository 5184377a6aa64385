/**
 * `npm run check:samples`: compiles the samples for phones, with stubs for what only a phone has. A row whose compiler
 * this machine lacks says so and counts as neither; the last line counts the others.
 */
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkExpo, compileKotlin, compileSwift, compileUIKit, ROOT } from './sample-compilers.ts';
import type { Compiled } from './sample-compilers.ts';

const directory = await mkdtemp(join(tmpdir(), 'bridge-samples-'));

function swift(version: 5 | 6): Compiled {
  const stubs = compileUIKit(directory);
  if (stubs.kind === 'not run' || stubs.problem !== undefined) return stubs;
  return compileSwift({
    sources: filesOf('samples/ios', '.swift'),
    flags: ['-swift-version', String(version), '-I', directory],
  });
}

function kotlin(): Compiled {
  const sources = ['samples/android', 'samples/android/stubs/android', 'samples/android/stubs/androidx'];
  return compileKotlin({
    sources: sources.flatMap((folder) => filesOf(folder, '.kt')),
    output: join(directory, 'android'),
  });
}

function filesOf(folder: string, end: string): string[] {
  return readdirSync(join(ROOT, folder)).flatMap((name) =>
    name.endsWith(end) ? [join(ROOT, folder, name)] : [],
  );
}

const rows: [string, () => Compiled][] = [
  ['iOS, the language of Swift 5', () => swift(5)],
  ['iOS, the language of Swift 6', () => swift(6)],
  ['Android, Kotlin', kotlin],
  ['Expo, TypeScript', checkExpo],
];

let [passed, failed] = [0, 0];
try {
  for (const [name, check] of rows) {
    const result = check();
    if (result.kind === 'not run') console.log(`${name.padEnd(32)}NOT RUN: ${result.why}`);
    else if (result.problem === undefined) {
      passed += 1;
      console.log(`${name.padEnd(32)}compiles`);
    } else {
      failed += 1;
      console.log(`${name.padEnd(32)}FAILS\n${result.problem}`);
    }
  }
} finally {
  await rm(directory, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
