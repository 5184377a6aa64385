/**
 * A process of its own for everything that the functions talk to, so that memory and time of the fuzzed process are the
 * product's alone. Tells the environment that a function needs to find it all; ends with its parent.
 */
import { startWorld } from '../support/world.ts';

const world = await startWorld({
  environment: { MAX_OPEN_UPLOADS: '40', UPLOADS_PER_MINUTE: '1000' },
});
process.once('disconnect', () => void world.stop());
process.send?.({ environment: process.env });
