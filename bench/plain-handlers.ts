/** Handlers that a packaged function is compared with, as plain JavaScript: one that does nothing, and the peers. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** What a start costs that has nothing to do with its handler. */
export async function writeEmpty(directory: string): Promise<string> {
  const path = join(directory, 'empty.mjs');
  await writeFile(path, 'export const handler = async () => ({ statusCode: 204 });\n');
  return path;
}

/** The same as a deploy without a bundler: plain JavaScript beside its node_modules. */
export async function writePeer(directory: string, name: string): Promise<string> {
  const folder = join(directory, name);
  await mkdir(folder);
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const source = await readFile(new URL(`peers/${name}.ts`, import.meta.url), 'utf8');
  const path = join(folder, `${name}.mjs`);
  await writeFile(path, stripTypeScriptTypes(source));
  return path;
}
