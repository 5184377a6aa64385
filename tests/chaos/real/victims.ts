/**
 * The children that deliver and ingest: started ahead, since many of them die early. Owns the processes and sends them orders; the
 * caller judges the outcome of an order.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { reportSchema } from './orders.ts';
import type { Order, Report } from './orders.ts';

/** How an order ended; a child that is `stopped` goes on with `resume`. */
type End = Exclude<Report, { kind: 'ready' }> | { kind: 'died' };

export type Victim = ReturnType<typeof startVictim>;

const PROGRAM = fileURLToPath(new URL('victim.ts', import.meta.url));

/** Children on the clock of a file; `spare` of them are kept ready. */
export function openVictims({
  clockFile,
  cacheDirectory,
  spare,
}: {
  clockFile: string;
  cacheDirectory: string;
  spare: number;
}) {
  const living = new Set<Victim>();
  const idle: Victim[] = [];

  function start() {
    const victim = startVictim({
      ...process.env,
      CHAOS_CLOCK: clockFile,
      NODE_COMPILE_CACHE: cacheDirectory,
    });
    living.add(victim);
    void victim.exited.then(() => living.delete(victim));
    return victim;
  }

  return {
    /** A child that is ready for one order. */
    async take(): Promise<Victim> {
      const victim = idle.shift() ?? start();
      while (idle.length < spare) idle.push(start());
      await victim.ready;
      return victim;
    },
    /** For a child that has done its order, and is the next one's. */
    giveBack: (victim: Victim) => idle.unshift(victim),
    async close(): Promise<void> {
      const leaving = [...living];
      for (const victim of leaving) victim.kill();
      await Promise.all(leaving.map((victim) => victim.exited));
    },
  };
}

function startVictim(env: NodeJS.ProcessEnv) {
  const child = fork(PROGRAM, [], {
    env,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['pipe', 'ignore', 'inherit', 'ipc'],
  });
  const ready = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  let end = Promise.withResolvers<End>();

  child.on('message', (message) => {
    const report = reportSchema.parse(message);
    if (report.kind === 'ready') ready.resolve();
    else end.resolve(report);
  });
  // A killed child no longer reads its input.
  child.stdin?.on('error', () => undefined);
  child.on('exit', () => {
    ready.reject(new Error('a child died before it had anything to do'));
    end.resolve({ kind: 'died' });
    exited.resolve();
  });
  // No caller waits for a spare child that is killed at the end.
  ready.promise.catch(() => undefined);

  async function next(act: () => void): Promise<End> {
    end = Promise.withResolvers<End>();
    if (child.exitCode !== null || child.signalCode !== null) return { kind: 'died' };
    act();
    return end.promise;
  }

  return {
    ready: ready.promise,
    exited: exited.promise,
    obey: (order: Order) => next(() => child.send(order, () => undefined)),
    resume: () => next(() => child.stdin?.write('.')),
    kill: () => child.kill('SIGKILL'),
  };
}
