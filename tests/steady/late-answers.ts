/**
 * Runs before each test file of `npm run test:steady`: some requests meet a server that takes its time. Which ones, and
 * how long each waits, follows from the seed.
 */
import { createRandom } from '../chaos/random.ts';

const LATE = Symbol.for('servers of this process answer late');
/** One request in so many. */
const EVERY = 20;
const LONGEST_MS = 3000;

const seed = process.env['STEADY_SEED'];
if (seed !== undefined && Reflect.get(process, LATE) === undefined) {
  Reflect.set(process, LATE, true);
  // Not imported: jest gives each test file modules of its own, and these are the ones that all of them stand on.
  for (const name of ['node:http', 'node:https'] as const) delayRequests(name, seed);
}

function delayRequests(name: 'node:http' | 'node:https', given: string): void {
  const { Server } = process.getBuiltinModule(name);
  const random = createRandom(`${given}/${name}`);
  // The timers of the first test file end with it.
  const { setTimeout: later } = process.getBuiltinModule('node:timers');
  const emit = Server.prototype.emit;
  Server.prototype.emit = function (this: typeof Server.prototype, event: string, ...rest: unknown[]) {
    const pass = (): boolean => Reflect.apply(emit, this, [event, ...rest]);
    if (event !== 'request' || !random.chance(1 / EVERY)) return pass();
    later(pass, random.int(1, LONGEST_MS));
    return true;
  };
}
