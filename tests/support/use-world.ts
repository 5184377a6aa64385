/**
 * The world of a test file: `const world = await useWorld();` behind its imports. It starts while jest loads the file,
 * so that it is a plain constant there, for hooks and helpers too; it is reset after each test and stopped after the last.
 */
import { afterAll, afterEach } from '@jest/globals';
import { startWorld } from './world.ts';
import type { WorldOptions } from './world.ts';

export async function useWorld<K extends 'memory' | 'sockets' = 'memory'>(options?: WorldOptions<K>) {
  const world = await startWorld<K>(options);
  afterEach(() => world.reset());
  afterAll(() => world.stop());
  return world;
}
