/**
 * Reads a command line and runs its command. With --json, lines for people go to standard error, and the answer for
 * programs is the last line of standard output, in English.
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
import { checkLanguage, fill, texts } from '../texts.ts';
import { visible } from '../terminal.ts';
import { en } from '../texts/en.ts';

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
export const COMMON = new Set(['local', 'stage', 'settings', 'profile', 'region', 'lang', 'json', 'help']);

/** Throws on wrong usage. */
export function readOrder(args: string[]): Order | 'help' {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  checkLanguage(values.lang);
  if (values.help) return 'help';
  const [command = '', ...names] = positionals;
  const task = Object.hasOwn(TASKS, command) ? TASKS[command] : undefined;
  if (task === undefined) {
    throw new Error(
      command === '' ? texts.ops.wrong.noCommand : fill(texts.ops.wrong.unknownCommand, { command }),
    );
  }
  const unfit = given(values).find((name) => !COMMON.has(name) && !task.takes.includes(name));
  if (unfit !== undefined) {
    throw new Error(fill(texts.ops.wrong.takesNoOption, { command, option: unfit }));
  }
  if (names.length > 0 && !task.takes.includes('ID')) {
    throw new Error(fill(texts.ops.wrong.takesNoNames, { command }));
  }
  const places = [values.local, values.stage, values.settings].filter(Boolean);
  if (places.length > 1) throw new Error(texts.ops.wrong.onePlace);
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
    const { well, answer } = await task.run({
      values,
      names,
      say: (line) => (values.json ? note : print)(visible(line)),
      signal,
    });
    if (values.json) print(visible(JSON.stringify(answer)));
    return well;
  } catch (error) {
    note(describeTrouble(error));
    if (values.json) print(visible(JSON.stringify({ error: describeTrouble(error, en) })));
    return false;
  }
}

function given(values: Values): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [name]));
}
