/**
 * Draws the folders of lib/ and the imports between them into docs/architecture.md: `npm run generate` writes it. The
 * imports are what dependency-cruiser finds, so the picture and `npm run check:layers` speak of the same thing.
 * https://github.com/sverweij/dependency-cruiser/blob/main/doc/api.md
 */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';
import extractConfig from 'dependency-cruiser/config-utl/extract-depcruise-config';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TARGET = fileURLToPath(new URL('../docs/architecture.md', import.meta.url));
const MARKERS = /(<!-- npm run generate: folders -->\n)[^]*?(\n<!-- end -->)/;
/** Every folder may import these two, so their arrows would hide the others. */
const SHARED = ['domain', 'runtime'];

type Arrow = { from: string; to: string; count: number };

const cruised = z.object({
  modules: z.array(
    z.object({ source: z.string(), dependencies: z.array(z.object({ resolved: z.string() })) }),
  ),
});

/** The text of docs/architecture.md, with the picture of today's folders. */
export async function generateFolderMap(): Promise<string> {
  const document = await readFile(TARGET, 'utf8');
  if (!MARKERS.test(document))
    throw new Error('docs/architecture.md has lost the comments around its picture');
  const picture = pictureOf(await importsOfLib());
  const text = document.replace(
    MARKERS,
    (_all, begin: string, end: string) => `${begin}\n${picture}\n${end}`,
  );
  return format(text, { ...(await resolveConfig(TARGET)), filepath: TARGET });
}

/** The files of lib/, each with the files of lib/ that it imports. */
async function importsOfLib(): Promise<Map<string, string[]>> {
  const options = await extractConfig(`${ROOT}/.dependency-cruiser.json`);
  const { output } = await cruise(['lib'], { ...options, baseDir: ROOT, includeOnly: '^lib/' });
  const { modules } = cruised.parse(output);
  return new Map(
    modules.map(({ source, dependencies }) => [source, dependencies.map(({ resolved }) => resolved)]),
  );
}

function pictureOf(files: Map<string, string[]>): string {
  const arrows = new Map<string, Arrow>();
  for (const [file, imports] of files) {
    for (const imported of imports) {
      const [from, to] = [folderOf(file), folderOf(imported)];
      const { count } = arrows.get(`${from} ${to}`) ?? { count: 0 };
      if (from !== to) arrows.set(`${from} ${to}`, { from, to, count: count + 1 });
    }
  }
  const all = [...arrows.values()].toSorted(
    (a, b) => a.from.localeCompare(b.from) || a.to.localeCompare(b.to),
  );
  const between = sum(all);
  const shared = SHARED.map((folder) => ({ folder, count: sum(all.filter(({ to }) => to === folder)) }));
  const drawn = all.filter(({ to }) => !SHARED.includes(to));
  return [
    '```mermaid',
    'flowchart TD',
    ...drawn.map(({ from, to, count }) => `  ${from} -- ${count} --> ${to}`),
    '```',
    '',
    `${files.size} files in ${new Set([...files.keys()].map(folderOf)).size - 1} folders and \`services.ts\`; ` +
      `${between} imports between folders: those in the picture, and ` +
      `${shared.map(({ folder, count }) => `${count} of \`${folder}\``).join(' and ')}.`,
  ].join('\n');
}

/** `services.ts` is the one file outside the folders. */
function folderOf(file: string): string {
  const folder = dirname(file).replace(/^lib\/?/, '');
  return folder === '' ? 'services' : folder;
}

function sum(counts: { count: number }[]): number {
  return counts.reduce((total, { count }) => total + count, 0);
}

if (process.argv[1] === import.meta.filename) await writeFile(TARGET, await generateFolderMap());
