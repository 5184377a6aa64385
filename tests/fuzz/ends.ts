/**
 * A process of its own for everything that the functions talk to, so that only the product uses memory and time
 * of the fuzzed process. Sends the environment with which a function finds the services; ends with its parent.
 */
import { startWorld } from '../support/world.ts';

const world = await startWorld({
  environment: { MAX_OPEN_UPLOADS: '40', UPLOADS_PER_MINUTE: '1000' },
});
process.once('disconnect', () => void world.stop());
process.send?.({ environment: process.env });
