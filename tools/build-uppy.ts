/**
 * Makes packages/uppy/dist when npm packs it. The sources import the client's by path; the package takes the client from
 * the package of that name, so that an app that uses both has it once.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { installTools } from './install.ts';

const HOME = join(import.meta.dirname, '..', 'packages', 'uppy');
const TARGET = join(HOME, 'dist');
const COMPILER = join(import.meta.dirname, 'node_modules', 'typescript', 'bin', 'tsc');
const CLIENT = '@ipd-attachment-bridge/client';
const SOURCE_OF_CLIENT = /\/client\/src\/client\.ts$/;

const clientByName: Plugin = {
  name: 'client by name',
  setup(bundle) {
    bundle.onResolve({ filter: SOURCE_OF_CLIENT }, () => ({ path: CLIENT, external: true }));
  },
};

async function declare(): Promise<string> {
  const output = await mkdtemp(join(tmpdir(), 'uppy-'));
  try {
    const project = join(HOME, 'tsconfig.build.json');
    await promisify(execFile)(process.execPath, [COMPILER, '-p', project, '--outDir', output]);
    return await readFile(join(output, 'uppy', 'src', 'plugin.d.ts'), 'utf8');
  } finally {
    await rm(output, { recursive: true });
  }
}

installTools();
const declarations = (await declare()).replaceAll(/'[./]+\/client\/src\/client\.ts'/g, `'${CLIENT}'`);
const left = /from '(\.[^']*)'/.exec(declarations);
if (left) throw new Error(`dist/plugin.d.ts would import ${left[1]}, which is not in the package`);

await rm(TARGET, { recursive: true, force: true });
await build({
  entryPoints: [join(HOME, 'src', 'plugin.ts')],
  outdir: TARGET,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
  external: ['@uppy/core'],
  plugins: [clientByName],
  logLevel: 'warning',
});
await writeFile(join(TARGET, 'plugin.d.ts'), declarations);
