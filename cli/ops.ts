/**
 * `npm run ops`: what an operator does by hand. Shows uploads, has failed ones tried again, cancels some, erases a
 * person's data, empties the dead letters, probes IPD, and sends one file through a deployment. Never prints a secret.
 */
import { runCommand } from './command.ts';
import { carryOut, readOrder } from './ops/orders.ts';
import { note, print } from './terminal.ts';
import { texts } from './texts.ts';

process.exitCode = await runCommand({
  usage: texts.ops.usage,
  read: () => readOrder(process.argv.slice(2)),
  run: (order, signal) => carryOut(order, { signal, print, note }),
});
