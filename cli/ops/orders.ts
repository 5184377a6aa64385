/**
 * Reads a command line and runs its command. With --json, lines for people go to standard error, and the answer for
 * programs is the last line of standard output.
 */
import { parseArgs } from 'node:util';
import { cancel } from './cancel.ts';
import { deadLetters } from './dead-letters.ts';
import { erase } from './erase.ts';
import { list } from './list.ts';
import { logs } from './logs.ts';
import { describeTrouble, useAccount } from './place.ts';
import { probe } from './probe.ts';
import { protect } from './protect.ts';
import { redrive } from './redrive.ts';
import { rotateKey } from './rotate-key.ts';
import { show } from './show.ts';
import { smoke } from './smoke.ts';
import { OPTIONS } from './terms.ts';
import type { Given, Say, Task, Values } from './terms.ts';

type Order = Given & { task: Task };

/** `print` is for results, `note` for everything else. */
type Surroundings = { signal: AbortSignal; print: Say; note: Say };

/** By the names that operators type. */
export const TASKS: Record<string, Task> = {
  list,
  show,
  redrive,
  cancel,
  erase,
  'dead-letters': deadLetters,
  logs,
  'rotate-key': rotateKey,
  probe,
  smoke,
  protect,
};
/** Options that every command takes: which deployment, and how to answer. */
export const COMMON = new Set(['local', 'stage', 'settings', 'profile', 'region', 'json', 'help']);

/** Throws on wrong usage. */
export function readOrder(args: string[]): Order | 'help' {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  if (values.help) return 'help';
  const [command = '', ...names] = positionals;
  const task = Object.hasOwn(TASKS, command) ? TASKS[command] : undefined;
  if (task === undefined)
    throw new Error(command === '' ? 'Name a command' : `There is no command ${command}`);
  const unfit = given(values).find((name) => !COMMON.has(name) && !task.takes.includes(name));
  if (unfit !== undefined) throw new Error(`${command} takes no option --${unfit}`);
  if (names.length > 0 && !task.takes.includes('ID')) throw new Error(`${command} takes no names`);
  const places = [values.local, values.stage, values.settings].filter(Boolean);
  if (places.length > 1) throw new Error('Give only one of --local, --stage and --settings');
  task.check?.({ values, names });
  return { task, values, names };
}

/** Runs a command and resolves with whether all went well. Prints a failure in one or two lines. */
export async function carryOut(
  { task, values, names }: Order,
  { signal, print, note }: Surroundings,
): Promise<boolean> {
  useAccount(values);
  try {
    const { well, answer } = await task.run({ values, names, say: values.json ? note : print, signal });
    if (values.json) print(JSON.stringify(answer));
    return well;
  } catch (error) {
    const words = describeTrouble(error);
    note(words);
    if (values.json) print(JSON.stringify({ error: words }));
    return false;
  }
}

function given(values: Values): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}
