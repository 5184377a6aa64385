/**
 * Runs inside a child process and plays Lambda's runtime: imports one handler, then answers one event at a time
 * over IPC. It imports only Node's own modules, since imports slow down every start. Ends with its parent.
 */
import { readFileSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { RuntimeMessage, WorkerMessage } from './worker.ts';

const [modulePath = '', exportName = '', cacheDirectory = ''] = process.argv.slice(2);

type Handler = (event: unknown, context: object) => unknown;

if (cacheDirectory !== '') enableCompileCache(cacheDirectory);

// The parent decides when a function ends: Ctrl-C reaches the whole process group. A dead parent closes the channel.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit(0));

const handler = loadHandler();
void reportStart();

process.on('message', (message: WorkerMessage) => {
  answer(message).then(send, (error: unknown) => {
    send({ kind: 'failed', requestId: message.requestId, maxMemoryMb: peakMemory(), error: print(error) });
  });
});

async function reportStart(): Promise<void> {
  try {
    await handler;
    flushCompileCache();
    send({ kind: 'ready' });
  } catch (error) {
    send({ kind: 'broken', error: print(error) });
  }
}

async function loadHandler(): Promise<Handler> {
  const module: Record<string, unknown> = await import(pathToFileURL(modulePath).href);
  const candidate = module[exportName];
  if (typeof candidate !== 'function') throw new Error(`${modulePath} exports no function "${exportName}"`);
  return (event, context) => candidate(event, context);
}

async function answer({ requestId, event, context, deadline }: WorkerMessage): Promise<RuntimeMessage> {
  const run = await handler;
  const result = await run(event, {
    ...context,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  });
  return { kind: 'done', requestId, maxMemoryMb: peakMemory(), payload: JSON.stringify(result) ?? 'null' };
}

/**
 * The peak memory of this process in MB. On Linux `resourceUsage` would not do: it starts with the memory of the parent
 * at the time of the fork.
 */
function peakMemory(): number {
  const kilobytes =
    process.platform === 'linux'
      ? Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
      : process.resourceUsage().maxRSS;
  return Math.ceil(kilobytes / 1024);
}

function send(message: RuntimeMessage): void {
  process.send?.(message);
}

function print(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
