/** A process that walks the small world of this name, with faults of these kinds, and sends the result. */
import { walk } from './enumeration.ts';
import { smallWorldOf } from './small-worlds.ts';

const [name = '', depth = '1', ...kinds] = process.argv.slice(2);
const bounds = { depth: Number(depth), kinds: kinds.length === 0 ? undefined : new Set(kinds) };

const small = smallWorldOf(name);

if (small !== undefined) process.send?.(await walk(small, bounds));
