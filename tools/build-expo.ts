/**
 * Makes packages/expo/dist, which npm packs. The sources import the client's by path; the package takes the client from
 * the package of that name, so that an app that uses both has it once.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';

const HOME = join(import.meta.dirname, '../packages/expo');
const TARGET = join(HOME, 'dist');
const CLIENT = '@ipd-attachment-bridge/client';
const SOURCE_OF_CLIENT = /\/client\/src\/client\.ts$/;

const clientByName: Plugin = {
  name: 'client by name',
  setup(bundle) {
    bundle.onResolve({ filter: SOURCE_OF_CLIENT }, () => ({ path: CLIENT, external: true }));
  },
};

/** Runs TypeScript's compiler of tools/, which `with.ts` puts on the path. */
async function declare(): Promise<void> {
  const output = await mkdtemp(join(tmpdir(), 'bridge-expo-'));
  try {
    await promisify(execFile)('tsc', ['-p', join(HOME, 'tsconfig.build.json'), '--outDir', output], {
      shell: process.platform === 'win32',
    });
    const made = join(output, 'expo/src');
    for (const name of await readdir(made)) {
      const text = await readFile(join(made, name), 'utf8');
      await writeFile(join(TARGET, name), ownImports(text));
    }
  } finally {
    await rm(output, { recursive: true });
  }
}

/** Node and older compilers find a declaration beside the name of its JavaScript. */
function ownImports(text: string): string {
  return text
    .replaceAll(/'[./]+\/client\/src\/client\.ts'/g, `'${CLIENT}'`)
    .replaceAll(/'(\.\/[\w-]+)\.ts'/g, "'$1.js'");
}

await rm(TARGET, { recursive: true, force: true });
await build({
  entryPoints: ['expo', 'uploads'].map((name) => join(HOME, 'src', `${name}.ts`)),
  outdir: TARGET,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
  external: ['expo-file-system', 'react-native'],
  plugins: [clientByName],
  logLevel: 'warning',
});
await declare();
