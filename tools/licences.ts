/**
 * `npm run licences`: writes THIRD-PARTY.md, the packages that are in the bundles of the functions and of the page with
 * their versions and licences. It reads esbuild's list of inputs, so it names neither tools nor packages that tree shaking removed.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Metafile, Plugin } from 'esbuild';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';

export type BundledPackage = {
  name: string;
  version: string;
  licence: string;
  homepage: string | undefined;
  texts: string[];
};

const ROOT = join(import.meta.dirname, '..');
export const TARGET = join(ROOT, 'THIRD-PARTY.md');
const PACKAGE = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+\//;
const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)(?:[.-].*)?$/i; // cspell:disable-line
const INTRODUCTION = `# Third-party software

What is in the bundles of the functions and of the page beside our own code, made by \`npm run licences\` from what esbuild puts in. Tools
that only build or test are not in it.
`;

const manifest = z.object({
  name: z.string(),
  version: z.string(),
  license: z.string().optional(),
  /** The older form of `license`, which some packages still use. */
  licenses: z.array(z.object({ type: z.string() })).default([]),
  homepage: z.string().optional(),
});
const pluginsModule = z.object({ default: z.array(z.custom<Plugin>((value) => value instanceof Object)) });

/** The packages in the bundles, by name. */
export async function bundledPackages(): Promise<BundledPackage[]> {
  const bundled = [...(await inputsOfFunctions()), ...(await inputsOfPage())];
  const directories = bundled.flatMap(([path, { bytesInOutput }]) => {
    const [directory] = PACKAGE.exec(path) ?? [];
    return directory === undefined || bytesInOutput === 0 ? [] : [directory];
  });
  const packages = await Promise.all([...new Set(directories)].map(readPackage));
  return packages.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

type Input = [path: string, about: { bytesInOutput: number }];

/** Bundled with the options of serverless.yml. */
async function inputsOfFunctions(): Promise<Input[]> {
  const plugins = pluginsModule.parse(
    await import(new URL('esbuild-plugins.mjs', import.meta.url).href),
  ).default;
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['functions/*.ts'],
    outdir: '.esbuild/licences',
    write: false,
    metafile: true,
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    plugins,
  });
  return inputsOf(metafile);
}

async function inputsOfPage(): Promise<Input[]> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['page/src/main.ts'],
    write: false,
    metafile: true,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
  });
  return inputsOf(metafile);
}

function inputsOf({ outputs }: Metafile): Input[] {
  return Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
}

/** The text of THIRD-PARTY.md: a list, then each licence text once with the packages that it belongs to. */
export async function describePackages(packages: BundledPackage[]): Promise<string> {
  const owners = new Map<string, string[]>();
  for (const { name, version, texts } of packages) {
    for (const text of texts) owners.set(text, [...(owners.get(text) ?? []), `${name} ${version}`]);
  }
  const rows = packages.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`);
  const silent = packages
    .filter(({ texts }) => texts.length === 0)
    .map(
      ({ name, licence, homepage }) => `- \`${name}\` (${[licence, homepage].filter(Boolean).join(', ')})`,
    );
  const blocks = [...owners].map(
    ([text, names]) => `### ${names.join(', ')}\n\n\`\`\`text\n${text}\n\`\`\`\n`,
  );
  const markdown = [
    INTRODUCTION,
    `| Package | Version | Licence |\n| --- | --- | --- |\n${rows.join('\n')}\n`,
    silent.length === 0 ? '' : `Without a text of their own in the package:\n\n${silent.join('\n')}\n`,
    '## Texts\n',
    ...blocks,
  ];
  return format(markdown.join('\n'), { ...(await resolveConfig(TARGET)), parser: 'markdown' });
}

async function readPackage(directory: string): Promise<BundledPackage> {
  const path = join(ROOT, directory);
  const json: unknown = JSON.parse(await readFile(join(path, 'package.json'), 'utf8'));
  const { license, licenses, ...about } = manifest.parse(json);
  const licence = license ?? (licenses.map(({ type }) => type).join(' or ') || 'unknown');
  const files = (await readdir(path)).filter((file) => LICENCE_FILE.test(file)).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(path, file), 'utf8')));
  return { ...about, licence, homepage: about.homepage, texts: texts.map((text) => tidy(text)) };
}

/** The text without differences in line ends and trailing spaces. */
function tidy(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(/[ \t]+$/gm, '')
    .replaceAll('```', "'''")
    .trim();
}

if (process.argv[1] === import.meta.filename) {
  await writeFile(TARGET, await describePackages(await bundledPackages()));
}
