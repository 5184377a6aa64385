/** The clients that the suite drives: each with the command line of its driver, or the reason why it cannot run here. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export type Driver = {
  /** What `--client` takes. */
  name: string;
  /** For the table. */
  title: string;
  /** How many trials at the same time. */
  atOnce: number;
} & ({ commandLine: readonly string[] } | { missing: string });

const CHROMIUM = process.env['CHROMIUM_PATH'] || '/usr/bin/chromium';

export const DRIVERS: readonly Driver[] = [
  { name: 'node', title: 'TypeScript client, Node', atOnce: 4, commandLine: nodeDriver('node.ts') },
  {
    name: 'chromium',
    title: 'TypeScript client, Chromium',
    atOnce: 2,
    ...(existsSync(CHROMIUM)
      ? { commandLine: nodeDriver('chromium.ts') }
      : { missing: `there is no ${CHROMIUM}` }),
  },
];

/** The command line of a driver of this repository. */
export function nodeDriver(file: string): string[] {
  return [process.execPath, join(import.meta.dirname, 'drivers', file)];
}
