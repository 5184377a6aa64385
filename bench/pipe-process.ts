/** The bare pipe in a process of its own: takes an order and answers with its time. Ends with its parent. */
import { pipe } from './peers/bare-pipe.ts';
import type { Pipe } from './peers/bare-pipe.ts';

process.on('disconnect', () => process.exit(0));
process.on('message', (order: Pipe) => {
  const started = performance.now();
  pipe(order).then(
    () => process.send?.({ ms: performance.now() - started }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
