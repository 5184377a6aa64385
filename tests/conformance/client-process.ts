/**
 * One life of a client under test: its driver as a process, what it said, and the end that the suite or the driver
 * itself makes of it.
 */
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { nameOf, readEvent } from './protocol.ts';
import type { ClientEvent, Command } from './protocol.ts';

export type ClientProcess = ReturnType<typeof startClient>;

/** How long a client may say nothing of what is awaited: a net against a hang, not a time that is waited for. */
const HANG_MS = 90_000;
const KEPT_ERROR_CHARACTERS = 4_000;

/** Starts a driver by its command line; its environment is the suite's own with these variables. */
export function startClient(commandLine: readonly string[], environment: Record<string, string>) {
  const [program = '', ...args] = commandLine;
  const child = spawn(program, args, {
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const events: ClientEvent[] = [];
  const news = new EventEmitter();
  let errors = '';
  let trouble: string | undefined;
  const ended = end();
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors = (errors + chunk).slice(-KEPT_ERROR_CHARACTERS);
  });
  // A command to a client that is gone: `ended` tells of it.
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    try {
      events.push(readEvent(line));
    } catch (error) {
      trouble ??= `No event of the protocol: ${line.slice(0, 200)} (${String(error)})`;
    }
    news.emit('news');
  });

  async function end(): Promise<void> {
    // Rejects where the program cannot be started.
    await once(child, 'close').catch(({ message }: Error) => (trouble ??= message));
    trouble ??= `The client has ended (${String(child.exitCode ?? child.signalCode)}): ${errors.trim()}`;
    news.emit('news');
  }

  return {
    events,

    send(command: Command): void {
      child.stdin.write(`${JSON.stringify(command)}\n`);
    },

    /** The first event that fits, as soon as it is said; undefined once the signal is aborted; rejects when none can come. */
    async waitFor<E extends ClientEvent>(
      fits: (said: ClientEvent) => said is E,
      stop?: AbortSignal,
    ): Promise<E | undefined> {
      const hang = AbortSignal.timeout(HANG_MS);
      const signal = stop ? AbortSignal.any([stop, hang]) : hang;
      for (;;) {
        const found = events.find(fits);
        if (found) return found;
        if (trouble !== undefined) throw new Error(trouble);
        if (stop?.aborted) return undefined;
        if (hang.aborted) throw new Error(`The client hangs; its last words: ${lastWords(events)} ${errors}`);
        await once(news, 'news', { signal }).catch(() => undefined);
      }
    },

    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await ended;
    },

    /** Ends the client as the protocol wants it; one that does not is killed. */
    async exit(): Promise<void> {
      child.stdin.end(`${JSON.stringify({ command: 'exit' } satisfies Command)}\n`);
      const timer = setTimeout(() => child.kill('SIGKILL'), HANG_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** A test for events of one kind. */
export function isEvent<K extends ClientEvent['event']>(kind: K) {
  return (said: ClientEvent): said is Extract<ClientEvent, { event: K }> => said.event === kind;
}

function lastWords(events: ClientEvent[]): string {
  return events.slice(-3).map(nameOf).join(', ') || 'none';
}
