/**
 * `npm run build:page -- [--out DIR] [--connect "ORIGIN …"]`: makes the static files of the page. All but index.html have
 * a hash of their content in their names, so they may be cached for ever. config.json is not made: it is where a page
 * differs from the next one.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

export type BuiltPage = Map<string, Buffer>;

type BuildOptions = {
  /** The origins that the page may call, as in connect-src; any https origin if none is given. */
  connect?: string[];
};

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'page', 'dist');
const ANY = ['https:'];
const ORIGIN = /^https?:\/\/[\w.*:[\]-]+$/;
const USAGE =
  'npm run build:page -- [--out DIR] [--connect "https://api.example.com https://login.example.com …"]';

/** Bundles the page in memory; the keys are the names of the files. */
export async function buildPage({ connect = ANY }: BuildOptions = {}): Promise<BuiltPage> {
  const [icon, index, licence] = await Promise.all([
    readFile(join(ROOT, 'page', 'icon.svg')),
    readFile(join(ROOT, 'page', 'index.html'), 'utf8'),
    readFile(join(ROOT, 'node_modules', 'oauth4webapi', 'LICENSE.md'), 'utf8'),
  ]);
  const { build, stop } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [
      { out: 'page', in: 'page/src/main.ts' },
      { out: 'page', in: 'page/page.css' },
    ],
    outdir: OUT,
    entryNames: '[name]-[hash]',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    // Chinese as it is, not escaped: module scripts are always UTF-8.
    charset: 'utf8',
    banner: { js: `/*! With oauth4webapi.\n${licence.trim()}\n*/` },
    logLevel: 'silent',
  });
  // Otherwise the service process of esbuild would stay.
  await stop();
  const iconName = `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`;
  const made = new Map(outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]));
  made.set(iconName, icon);
  const nameOf = (end: string): string => [...made.keys()].find((name) => name.endsWith(end)) ?? '';
  const values: Record<string, string> = {
    policy: policyFor(connect),
    icon: iconName,
    style: nameOf('.css'),
    script: nameOf('.js'),
  };
  made.set(
    'index.html',
    Buffer.from(index.replaceAll(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)),
  );
  return made;
}

/**
 * Only the page's own files load, nothing runs that is not in them, and no text becomes markup.
 * https://www.w3.org/TR/CSP3/ and https://www.w3.org/TR/trusted-types/
 */
function policyFor(connect: string[]): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src 'self' ${connect.join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { out: { type: 'string', default: OUT }, connect: { type: 'string' } },
  });
  const connect = values.connect?.split(/[\s,]+/).filter(Boolean);
  const wrong = connect?.filter((origin) => !ORIGIN.test(origin)) ?? [];
  if (wrong.length > 0) throw new Error(`--connect takes origins, not ${wrong.join(', ')}\n${USAGE}`);
  const files = await buildPage(connect === undefined ? {} : { connect });
  await mkdir(values.out, { recursive: true });
  // Files of an earlier build would be deployed with the new ones.
  if (values.out === OUT) await rm(OUT, { recursive: true, force: true }).then(() => mkdir(OUT));
  for (const [name, content] of files) {
    await writeFile(join(values.out, name), content);
    console.log(`${String(content.length).padStart(7)} ${join(values.out, name)}`);
  }
}

if (process.argv[1] === import.meta.filename) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
