/** A process that walks the small world of this name, and sends the result. */
import { walk } from './enumeration.ts';
import { smallWorldOf } from './small-worlds.ts';

const [name = '', depth = '1'] = process.argv.slice(2);

process.send?.(await walk(smallWorldOf(name), { depth: Number(depth) }));
