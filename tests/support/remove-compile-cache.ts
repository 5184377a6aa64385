/** Jest's global teardown. */
import { rm } from 'node:fs/promises';
import { compileCache } from './compile-cache.ts';

export default async function tearDown(): Promise<void> {
  const directory = compileCache();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
}
