/**
 * `npm pack` runs it in the folder of a package that stands on the client: makes `dist` of the entries that its exports
 * name. The sources import the client's by path; the package takes the client from the package of that name, so that an
 * app that uses both has it once.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';
import { z } from 'zod';
import { installTools } from './install.ts';

const HOME = process.cwd();
const TARGET = join(HOME, 'dist');
const COMPILER = join(import.meta.dirname, 'node_modules/typescript/bin/tsc');
const CLIENT = '@ipd-attachment-bridge/client';
const SOURCE_OF_CLIENT = /\/client\/src\/client\.ts$/;

const manifest = z.object({
  exports: z.record(z.string(), z.union([z.string(), z.object({ default: z.string() })])),
  peerDependencies: z.record(z.string(), z.string()),
});

const clientByName: Plugin = {
  name: 'client by name',
  setup(bundle) {
    bundle.onResolve({ filter: SOURCE_OF_CLIENT }, () => ({ path: CLIENT, external: true }));
  },
};

/** Writes the declarations of all sources. */
async function declare(): Promise<void> {
  const output = await mkdtemp(join(tmpdir(), 'bridge-declarations-'));
  try {
    const project = join(HOME, 'tsconfig.build.json');
    await promisify(execFile)(process.execPath, [COMPILER, '-p', project, '--outDir', output]);
    const made = join(output, basename(HOME), 'src');
    for (const name of await readdir(made)) {
      await writeFile(join(TARGET, name), ownImports(await readFile(join(made, name), 'utf8')));
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

installTools();
const { exports, peerDependencies } = manifest.parse(
  JSON.parse(await readFile(join(HOME, 'package.json'), 'utf8')),
);
await rm(TARGET, { recursive: true, force: true });
await build({
  entryPoints: Object.values(exports)
    .filter((entry) => typeof entry === 'object')
    .map((entry) => join(HOME, 'src', `${basename(entry.default, '.js')}.ts`)),
  outdir: TARGET,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
  external: Object.keys(peerDependencies),
  plugins: [clientByName],
  logLevel: 'warning',
});
await declare();
