/** A directory of a test file, which is removed after its last test. */
import { afterAll } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export async function useDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-test-'));
  afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }));
  return directory;
}
