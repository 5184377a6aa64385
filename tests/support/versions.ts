/** Bundles of the functions as two versions of the product would have them, for a deploy while they run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const KEYS = ['uploads', 'uppy', 'attach', 'deliver', 'files', 'ingest', 'sweep'];

/** A member that the newer version writes into every record, and that the older version does not know. */
export const NOVELTY = { novelty: { since: 'the newer version' } };

/** The line of lib/ledger/record.ts that makes a record's attributes. */
const OLDER = '{ ...others, ...record }';
const NEWER = `{ ...others, ...record, ...${JSON.stringify(NOVELTY)} }`;

/** A filter that finds no file would build the same version twice. */
let isApplied = false;

const newer: Plugin = {
  name: 'newer',
  setup(building) {
    building.onLoad({ filter: /[\\/]lib[\\/]ledger[\\/]record\.ts$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8');
      if (!code.includes(OLDER)) throw new Error(`${path} has changed: ${OLDER} is not in it`);
      isApplied = true;
      return { contents: code.replace(OLDER, NEWER), loader: 'ts' };
    });
  },
};

/** Writes both versions below the directory; answers with where each is. */
export async function buildVersions(directory: string) {
  const [older, newerOne] = await Promise.all([
    bundle(join(directory, 'older'), []),
    bundle(join(directory, 'newer'), [newer]),
  ]);
  if (!isApplied) throw new Error('the newer version is the older one: no file was changed');
  return { older, newer: newerOne };
}

async function bundle(directory: string, plugins: Plugin[]) {
  await build({
    entryPoints: KEYS.map((key) => join(ROOT, `functions/${key}.ts`)),
    outdir: join(directory, 'functions'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Of the SDK's packages some are CommonJS.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    mainFields: ['module', 'main'],
    plugins,
  });
  return { directory, extension: '.mjs' as const };
}
