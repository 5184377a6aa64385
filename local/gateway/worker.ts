/**
 * One child process that runs one function, one event at a time, like one Lambda execution environment. It is killed at
 * the function's timeout and ends after a crash. Owns the child's life and its environment; never restarts it.
 */
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Readable } from 'node:stream';
import { z } from 'zod';

export interface WorkerOptions {
  /** The name on AWS. */
  name: string;
  modulePath: string;
  exportName: string;
  /** Seconds. */
  timeout: number;
  memorySize: number;
  region: string;
  environment: Record<string, string>;
  cacheDirectory: string;
  log: (line: string, stream: 'stdout' | 'stderr') => void;
}

export interface WorkerMessage {
  requestId: string;
  event: object;
  context: Record<string, string>;
  /** Epoch milliseconds. */
  deadline: number;
}

export type RuntimeMessage = z.infer<typeof runtimeMessage>;
export type Worker = ReturnType<typeof startWorker>;

const ended = { requestId: z.string(), maxMemoryMb: z.number() };

const runtimeMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('broken'), error: z.string() }),
  z.object({ kind: z.literal('done'), ...ended, payload: z.string() }),
  z.object({ kind: z.literal('failed'), ...ended, error: z.string() }),
]);

const RUNTIME = fileURLToPath(new URL('runtime.ts', import.meta.url));
/** Lambda allows 10 s to import a bundle; unbundled sources on a busy machine need more. */
const START_LIMIT_MS = 30_000;
/** The machine's variables that a function gets: none that could make it behave differently from AWS. */
const LENT_VARIABLES = ['PATH', 'HOME', 'TZ', 'LANG', 'TMPDIR', 'TEMP', 'SystemRoot', 'NODE_EXTRA_CA_CERTS'];

/** Diagnostics channels for tests: all lines and answers of the functions that this process runs. */
const written = channel('function-line');
const answered = channel('function-answer');

/** Starts the child; `ready` settles when the handler is imported, `exited` when the child has exited. */
export function startWorker(options: WorkerOptions) {
  const child = fork(RUNTIME, [options.modulePath, options.exportName, options.cacheDirectory], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { ...lentVariables(), ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const ready = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let current: (PromiseWithResolvers<string> & { requestId: string; startedAt: number }) | undefined;
  let alive = true;

  forwardLines(child.stdout, 'stdout');
  forwardLines(child.stderr, 'stderr');
  // When a warm child exits by itself, no caller awaits `ready`: its rejection must not end the stack.
  ready.promise.catch(() => undefined);

  child.on('message', (message) => {
    const parsed = runtimeMessage.safeParse(message);
    if (!parsed.success) return;
    const answer = parsed.data;
    if (answer.kind === 'ready') ready.resolve();
    else if (answer.kind === 'broken') fail(`The handler cannot be loaded: ${answer.error}`);
    else if (answer.requestId !== current?.requestId) return;
    else {
      options.log(reportLine(options, answer, current.startedAt), 'stdout');
      if (answer.kind === 'done') current.resolve(answer.payload);
      else current.reject(new Error(answer.error));
    }
  });
  child.on('error', (cause) => end(new Error(`${options.name} cannot run`, { cause })));
  child.on('exit', (code, signal) => {
    end(
      new Error(`Runtime exited with error: ${signal === null ? `exit status ${code}` : `signal ${signal}`}`),
    );
  });

  function forwardLines(stream: Readable | null, name: 'stdout' | 'stderr'): void {
    if (stream === null) return;
    createInterface({ input: stream }).on('line', (line) => {
      written.publish({ modulePath: options.modulePath, line });
      options.log(line, name);
    });
  }

  function end(reason: Error): void {
    alive = false;
    ready.reject(reason);
    current?.reject(reason);
    exited.resolve();
  }

  function fail(reason: string): void {
    const error = new Error(reason);
    ready.reject(error);
    current?.reject(error);
    kill();
  }

  function kill(): void {
    alive = false;
    child.kill('SIGKILL');
  }

  /** Returns the handler's answer as JSON text; rejects when it throws, crashes or times out. */
  async function run(event: object): Promise<string> {
    const requestId = randomUUID();
    current = { ...Promise.withResolvers<string>(), requestId, startedAt: performance.now() };
    current.promise.catch(() => undefined);
    let timer = setTimeout(fail, START_LIMIT_MS, 'The handler took too long to load');
    try {
      await ready.promise;
      clearTimeout(timer);
      const limitMs = options.timeout * 1000;
      timer = setTimeout(fail, limitMs, `Task timed out after ${options.timeout.toFixed(2)} seconds`);
      const context = contextOf(options, requestId);
      child.send(
        { requestId, event, context, deadline: Date.now() + limitMs } satisfies WorkerMessage,
        () => undefined,
      );
      const payload = await current.promise;
      answered.publish({ modulePath: options.modulePath, event, payload });
      return payload;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      options.log(`${new Date().toISOString()} ${requestId} ${reason}`, 'stderr');
      throw error;
    } finally {
      clearTimeout(timer);
      current = undefined;
    }
  }

  return { ready: ready.promise, exited: exited.promise, isAlive: () => alive, run, kill };
}

/** As Lambda ends every invocation's log: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html */
function reportLine(
  { memorySize }: WorkerOptions,
  { requestId, maxMemoryMb }: { requestId: string; maxMemoryMb: number },
  startedAt: number,
): string {
  const duration = (performance.now() - startedAt).toFixed(2);
  return `REPORT RequestId: ${requestId}\tDuration: ${duration} ms\tMemory Size: ${memorySize} MB\tMax Memory Used: ${maxMemoryMb} MB`;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function contextOf({ name, memorySize, region }: WorkerOptions, requestId: string): Record<string, string> {
  return {
    awsRequestId: requestId,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:${region}:000000000000:function:${name}`,
    memoryLimitInMB: String(memorySize),
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: `${new Date().toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]local`,
  };
}

function lentVariables(): Record<string, string> {
  return Object.fromEntries(
    LENT_VARIABLES.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
