/** The clients that the suite drives: each with the command line of its driver, or the reason why it cannot run here. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildKotlinDriver, buildSwiftDriver } from '../../tools/sample-compilers.ts';
import type { Start } from '../../tools/sample-compilers.ts';

export type Driver = {
  /** What `--client` takes. */
  name: string;
  /** For the table. */
  title: string;
  /** How many trials at the same time. */
  atOnce: number;
  /** Builds it, if need be; the directory is for what that makes. */
  prepare: (directory: string) => Start;
};

const CHROMIUM = process.env['CHROMIUM_PATH'] || '/usr/bin/chromium';

export const DRIVERS: readonly Driver[] = [
  { name: 'node', title: 'TypeScript client, Node', atOnce: 4, prepare: () => inNode('node.ts') },
  {
    name: 'chromium',
    title: 'TypeScript client, Chromium',
    atOnce: 2,
    prepare: () => inChromium('chromium.ts'),
  },
  {
    name: 'uppy',
    title: 'Uppy 6 with the plugin, Chromium',
    atOnce: 2,
    prepare: () => inChromium('uppy.ts'),
  },
  {
    name: 'expo',
    title: 'Expo entry, on a stub of its platform',
    atOnce: 4,
    prepare: () => inNode('expo.ts'),
  },
  { name: 'swift', title: 'Swift sample', atOnce: 2, prepare: buildSwiftDriver },
  { name: 'kotlin', title: 'Kotlin sample', atOnce: 2, prepare: buildKotlinDriver },
];

/** A driver of this folder that Node runs. */
export function inNode(file: string): Extract<Start, { kind: 'built' }> {
  return { kind: 'built', commandLine: [process.execPath, join(import.meta.dirname, 'drivers', file)] };
}

/** The same, for a driver that needs the browser. */
function inChromium(file: string): Start {
  return existsSync(CHROMIUM) ? inNode(file) : { kind: 'not run', why: `there is no ${CHROMIUM}` };
}
