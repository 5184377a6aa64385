/**
 * `npm run ops`: what an operator does by hand. Shows uploads, has failed ones tried again, cancels some, erases a
 * person's data, empties the dead letters, probes IPD, and sends one file through a deployment. Never prints a secret.
 */
import { runCommand } from './command.ts';
import { carryOut, readOrder } from './ops/orders.ts';
import { texts } from './texts.ts';

process.exitCode = await runCommand({
  usage: texts.ops.usage,
  read: () => readOrder(process.argv.slice(2)),
  run: (order, signal) => {
    const print = (line: string): void => console.log(line);
    const note = (line: string): void => console.error(line);
    return carryOut(order, { signal, print, note });
  },
});
