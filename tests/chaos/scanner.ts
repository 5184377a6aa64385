/**
 * A scan for malware beside the product: tags each new file after a while, most as clean, some as infected, and a few
 * never. It reads no file.
 */
import type { Objects } from '../ends/objects.ts';
import type { Random } from './random.ts';
import type { VirtualTime } from './virtual-time.ts';
import { MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

/** The setting for a product that waits for the scan. */
export const REQUIRED_SCAN_TAG = 'scan=clean';

/** The codes with which a file may end whose scan ended so. */
const CODES = { clean: [], infected: ['scan_refused'], missing: ['scan_timed_out'] } as const;

export function createScanner(parts: { time: VirtualTime; random: Random; objects: Objects }) {
  const { time, random, objects } = parts;
  const results = new Map<string, keyof typeof CODES>();

  return {
    /** A file has arrived under this key. */
    scan(key: string): void {
      const result =
        results.get(key) ?? random.pick(['clean', 'clean', 'clean', 'clean', 'infected', 'missing']);
      results.set(key, result);
      if (result === 'missing') return;
      const afterMs = random.pick([random.int(1, 20) * SECOND_MS, random.int(1, 90) * MINUTE_MS]);
      time.after(afterMs, () => objects.tag(key, 'scan', result));
    },
    /** The codes with which the upload of this file may fail. */
    codesOf: (key: string): readonly string[] => CODES[results.get(key) ?? 'clean'],
    /** True of a file that must never reach IPD. */
    forbids: (key: string): boolean => (results.get(key) ?? 'clean') !== 'clean',
  };
}
