/**
 * Runs functions as Lambda does: one event at a time in a child process, more children for more events at once,
 * warm ones first. Owns the pool; worker.ts owns a child's life.
 */
import { join } from 'node:path';
import type { FunctionDefinition } from '../template.ts';
import { startWorker } from './worker.ts';
import type { Worker } from './worker.ts';

export interface LogLine {
  functionKey: string;
  stream: 'stdout' | 'stderr';
  line: string;
}

export interface RunnerOptions {
  functions: Pick<
    FunctionDefinition,
    'key' | 'name' | 'handler' | 'timeout' | 'memorySize' | 'environment'
  >[];
  /** Where `functions/x.handler` is found: the sources (`.ts`) or a folder of bundles (`.mjs`). */
  handlers: { directory: string; extension: '.ts' | '.mjs' };
  region: string;
  /** The variables that Lambda itself puts into the environment: region, credentials, endpoints. */
  environment: Record<string, string>;
  /** Further variables that only this function gets. */
  ownEnvironment?: (functionKey: string) => Record<string, string>;
  /** Where compiled code is kept between starts; empty: it is not kept. */
  cacheDirectory?: string;
  log: (line: LogLine) => void;
}

/** More events than this wait for a child, so that a burst cannot exhaust the machine. */
const CHILDREN_PER_FUNCTION = 10;
/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const ANSWER_LIMIT_BYTES = 6_291_556;

/** Makes the runner; children are started when the first event needs them, or by `warm`. */
export function createRunner(options: RunnerOptions) {
  const pools = new Map(
    options.functions.map((definition) => [definition.key, createPool(definition, options)]),
  );

  return {
    /** Returns the answer as JSON text; rejects when the function throws, crashes or is killed at its timeout. */
    async invoke(functionKey: string, event: object): Promise<string> {
      const pool = pools.get(functionKey);
      if (pool === undefined) throw new Error(`There is no function "${functionKey}"`);
      return pool.invoke(event);
    },

    /** Changes the code: running invocations end with the old code, later events get the new code. */
    deploy(handlers: RunnerOptions['handlers']): void {
      for (const pool of pools.values()) pool.deploy(handlers);
    },

    /** Starts one child of each function, so that the first request need not wait for it. */
    async warm(): Promise<void> {
      for (const pool of pools.values()) await pool.warm();
    },

    /** Kills every child and waits until it has exited; running invocations fail. */
    async close(): Promise<void> {
      await Promise.all([...pools.values()].map((pool) => pool.close()));
    },
  };
}

function createPool(definition: RunnerOptions['functions'][number], options: RunnerOptions) {
  let code = locate(definition.handler, options.handlers);
  const workers = new Set<Worker>();
  const idle: Worker[] = [];
  const waiting: PromiseWithResolvers<void>[] = [];
  let running = 0;
  let closed = false;

  function start(): Worker {
    if (closed) throw new Error('The stack is stopping');
    const worker = startWorker({
      ...definition,
      ...code,
      region: options.region,
      environment: {
        ...definition.environment,
        ...options.environment,
        ...options.ownEnvironment?.(definition.key),
      },
      cacheDirectory: options.cacheDirectory ?? '',
      log: (line, stream) => options.log({ functionKey: definition.key, stream, line }),
    });
    workers.add(worker);
    void worker.exited.then(() => workers.delete(worker));
    return worker;
  }

  function takeIdle(): Worker | undefined {
    let worker = idle.pop();
    while (worker !== undefined && !worker.isAlive()) worker = idle.pop();
    return worker;
  }

  async function takeSlot(): Promise<void> {
    if (running < CHILDREN_PER_FUNCTION) {
      running += 1;
      return;
    }
    const slot = Promise.withResolvers<void>();
    waiting.push(slot);
    await slot.promise;
  }

  function giveSlot(): void {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next.resolve();
  }

  async function invoke(event: object): Promise<string> {
    await takeSlot();
    try {
      const worker = takeIdle() ?? start();
      const own = code;
      const payload = await worker.run(event).finally(() => {
        if (code !== own) worker.kill();
        else if (worker.isAlive()) idle.push(worker);
      });
      if (Buffer.byteLength(payload) > ANSWER_LIMIT_BYTES)
        throw new Error('The answer is larger than Lambda allows');
      return payload;
    } finally {
      giveSlot();
    }
  }

  function deploy(handlers: RunnerOptions['handlers']): void {
    code = locate(definition.handler, handlers);
    for (const worker of idle.splice(0)) worker.kill();
  }

  async function warm(): Promise<void> {
    if (closed || workers.size > 0) return;
    const worker = start();
    idle.push(worker);
    // The first invocation reports a handler that cannot be loaded.
    await worker.ready.catch(() => undefined);
  }

  async function close(): Promise<void> {
    closed = true;
    const leaving = [...workers];
    for (const worker of leaving) worker.kill();
    await Promise.all(leaving.map((worker) => worker.exited));
  }

  return { invoke, deploy, warm, close };
}

function locate(
  handler: string,
  { directory, extension }: RunnerOptions['handlers'],
): { modulePath: string; exportName: string } {
  const dot = handler.lastIndexOf('.');
  return {
    modulePath: join(directory, `${handler.slice(0, dot)}${extension}`),
    exportName: handler.slice(dot + 1),
  };
}
