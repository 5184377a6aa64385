/**
 * Which files of the project a file loads, by what is written in its imports, and theirs: a test file that loads none of
 * the files in question need not be measured. Text alone: nothing is run.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const IMPORT = /\b(?:from|import)\s*\(?\s*(?<quote>['"])(?<path>\.{1,2}\/[^'"]+\.ts)\k<quote>/g;
/** Its path is made at run time, so it may lead anywhere. */
const UNKNOWN = /\bimport\((?!\s*['"])/;

export function createImports(root: string) {
  const read = new Map<string, { paths: string[]; isOpen: boolean }>();

  function importsOf(file: string): { paths: string[]; isOpen: boolean } {
    const before = read.get(file);
    if (before !== undefined) return before;
    const text = readFileSync(join(root, file), 'utf8');
    const paths = [...text.matchAll(IMPORT)].map(({ groups }) =>
      normalize(join(dirname(file), groups?.['path'] ?? '')),
    );
    const found = { paths, isOpen: UNKNOWN.test(text) };
    read.set(file, found);
    return found;
  }

  /** Whether the file may load one of these. */
  function mayLoad(file: string, wanted: ReadonlySet<string>): boolean {
    const seen = new Set<string>();
    const open = [file];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      const { paths, isOpen } = importsOf(next);
      if (isOpen || paths.some((path) => wanted.has(path))) return true;
      open.push(...paths);
    }
    return false;
  }

  return { mayLoad };
}
