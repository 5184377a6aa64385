/**
 * Copies code of samples/ into docs/clients.md: `npm run generate` writes it. Each place in the document names a file, or
 * a region of one, which lies between the lines `docs: REGION` and `docs: end`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const ROOT = join(import.meta.dirname, '..');
const TARGET = join(ROOT, 'docs/clients.md');
const PLACE = /(<!-- npm run generate: (samples\/[^\s#]+)(?:#(\w+))? -->\n)[^]*?(\n<!-- end -->)/g;
const LANGUAGES: Record<string, string> = {
  '.swift': 'swift',
  '.kt': 'kotlin',
  '.kts': 'kotlin',
  '.xml': 'xml',
  '.ts': 'ts',
};

/** The text of docs/clients.md with the samples as they are. */
export async function generateSampleDocs(): Promise<string> {
  const document = await readFile(TARGET, 'utf8');
  const places = [...document.matchAll(PLACE)];
  if (places.length === 0) throw new Error('docs/clients.md has lost the comments around its samples');
  const blocks = await Promise.all(places.map(([, , path = '', region]) => block(path, region)));
  const text = document.replace(
    PLACE,
    (_all, begin: string, _path, _region, end: string) => `${begin}\n${blocks.shift()}\n${end}`,
  );
  return format(text, { ...(await resolveConfig(TARGET)), filepath: TARGET });
}

async function block(path: string, region: string | undefined): Promise<string> {
  const source = await readFile(join(ROOT, path), 'utf8');
  const code = region === undefined ? source.trim() : regionOf(source, region);
  if (code === undefined) throw new Error(`${path} has no region ${region}`);
  return ['```' + (LANGUAGES[extname(path)] ?? ''), code, '```'].join('\n');
}

/** Without the indentation that all its lines share. */
function regionOf(source: string, region: string): string | undefined {
  const [, code] = new RegExp(`// docs: ${region}\\n([^]*?)\\n *// docs: end`).exec(source) ?? [];
  const lines = code?.split('\n') ?? [];
  const indents = lines.filter((line) => line !== '').map((line) => line.length - line.trimStart().length);
  const shared = Math.min(...indents);
  return code && lines.map((line) => line.slice(shared)).join('\n');
}

if (process.argv[1] === import.meta.filename) await writeFile(TARGET, await generateSampleDocs());
