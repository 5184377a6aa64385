/** Carries out an order of `npm run ops` in this process, on the deployment that the environment names. */
import { carryOut, readOrder } from '../../cli/ops/orders.ts';

/** What the command's lines say; `answer` is what a program gets. Throws what wrong usage throws. */
export async function operate(...args: string[]) {
  const printed: string[] = [];
  const said: string[] = [];
  const order = readOrder([...args, '--json']);
  if (order === 'help') throw new Error('not an order');
  const well = await carryOut(order, {
    signal: AbortSignal.timeout(300_000),
    print: (line) => void printed.push(line),
    note: (line) => void said.push(line),
  });
  if (printed.length !== 1) throw new Error(`${printed.length} lines for a program`);
  return { well, said, answer: JSON.parse(printed[0] ?? '') };
}
