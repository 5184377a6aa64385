/**
 * Jest's global setup: one directory for what V8 has compiled, for the processes that all test files start, and for what
 * was parsed. Each process loads the same AWS clients, and without compiled code that is most of its start.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VARIABLE = 'TEST_COMPILE_CACHE';

export default async function setUp(): Promise<void> {
  // Jest's workers start with this environment.
  process.env[VARIABLE] = await mkdtemp(join(tmpdir(), 'bridge-compiled-'));
}

/** The directory; undefined outside of jest. */
export function compileCache(): string | undefined {
  return process.env[VARIABLE];
}
