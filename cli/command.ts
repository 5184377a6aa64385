/**
 * What every command of this folder shares: usage on request, exit codes, and an orderly end on SIGINT
 * (Ctrl-C) or SIGTERM.
 */
import { constants } from 'node:os';
import { note, print } from './terminal.ts';
import { fill, texts, Trouble } from './texts.ts';
import { describeError } from './transfer.ts';

type Command<Options> = {
  usage: string;
  /** Throws on wrong usage. */
  read: () => Options | 'help' | Promise<Options | 'help'>;
  /** Whether all went well; aborted through its signal when the process is asked to end. */
  run: (options: Options, signal: AbortSignal) => Promise<boolean>;
};

/** Under npm one Ctrl-C arrives twice, from the terminal and from npm: only a later one ends the process at once. */
const ECHO_MS = 1_000;

/** Runs a command and resolves with its exit code: 0 well, 1 failed, 2 wrong usage, 128 and the signal's number when interrupted. */
export async function runCommand<Options>({ usage, read, run }: Command<Options>): Promise<number> {
  let options: Options | 'help';
  try {
    options = await read();
  } catch (error) {
    note(`${describeMisuse(error)}\n${texts.usage.more}`);
    return 2;
  }
  if (options === 'help') {
    print(usage);
    return 0;
  }
  const interruption = listen();
  const well = await run(options, interruption.signal);
  return interruption.exitCode() ?? (well ? 0 : 1);
}

/** Node's message for an unknown option is long: this one only names the option. */
function describeMisuse(error: unknown): string {
  const reason = describeError(error);
  const option = /^Unknown option '([^']+)'/.exec(reason)?.[1];
  if (option !== undefined) return fill(texts.usage.noOption, { option });
  const isNodes =
    error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  return isNodes ? fill(texts.usage.wrong, { reason }) : reason;
}

function listen(): { signal: AbortSignal; exitCode: () => number | undefined } {
  const controller = new AbortController();
  let first: { exitCode: number; at: number } | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (first && performance.now() - first.at > ECHO_MS) process.exit(first.exitCode);
      first ??= { exitCode: 128 + constants.signals[name], at: performance.now() };
      controller.abort(new Trouble(({ trouble }) => trouble.interrupted));
    });
  }
  return { signal: controller.signal, exitCode: () => first?.exitCode };
}
