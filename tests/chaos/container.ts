/**
 * One container that runs functions: its clock, and the faults that it can meet at every call to the outside. It may
 * die before, during or after a call, stand still for any time, or have its clock set.
 * A dead container's calls never end. It does not know what it calls.
 */
import type { Clock } from '../../lib/runtime/clock.ts';
import type { Activity } from './activity.ts';
import type { Random } from './random.ts';
import type { Faults } from './faults.ts';
import type { VirtualTime } from './virtual-time.ts';

export type Container = ReturnType<typeof createContainer>;

/** A container with its own random source; `kind` says which function runs in it. */
export function createContainer({
  kind,
  time,
  random,
  faults,
  activity,
}: {
  kind: string;
  time: VirtualTime;
  random: Random;
  faults: Faults;
  activity: Activity;
}) {
  const watchers = new Set<() => void>();
  const underWay: string[] = [];
  let isDead = false;
  let isOverdue = false;
  let frozenUntil = 0;
  let skewMs = 0;

  function die(): void {
    if (isDead) return;
    isDead = true;
    for (const watcher of watchers) watcher();
  }

  const isFrozen = (): boolean => !isDead && time.now() < frozenUntil;

  /** Resolves when the container runs; never when it is dead. */
  async function awake(): Promise<void> {
    while (isFrozen()) await time.sleep(frozenUntil - time.now());
    if (isDead) await new Promise<never>(() => undefined);
  }

  /** `where`: what is called. */
  async function meetFate(where: string): Promise<void> {
    const site = `${kind}: ${where}`;
    if (faults.strikes('death', random, site)) die();
    const pause = faults.strikes('pause', random, site);
    if (pause !== undefined) frozenUntil = Math.max(frozenUntil, time.now() + pause.ms);
    skewMs = faults.strikes('clockJump', random, site)?.skewMs ?? skewMs;
    await awake();
  }

  /** One call to the outside, to `where`, that takes about `latencyMs`. */
  async function call<T>(effect: () => T | Promise<T>, where: string, latencyMs: number): Promise<T> {
    underWay.push(where);
    try {
      return await carryOut(effect, where, latencyMs);
    } finally {
      underWay.splice(underWay.indexOf(where), 1);
    }
  }

  async function carryOut<T>(effect: () => T | Promise<T>, where: string, latencyMs: number): Promise<T> {
    await meetFate(where);
    const inFlight = faults.strikes('deathInFlight', random, `${kind}: ${where}`);
    if (inFlight !== undefined) {
      // The caller is dead, so the outcome has no receiver.
      const land = async (): Promise<unknown> => time.sleep(inFlight.landsAfterMs).then(effect);
      activity.during(land()).catch(() => undefined);
      die();
      await awake();
    }
    await time.sleep(latencyMs * (0.5 + random.random()));
    await awake();
    try {
      return await effect();
    } finally {
      await meetFate(`${where} done`);
    }
  }

  const clock: Clock = {
    now: () => time.now() + skewMs,
    async sleep(ms, signal) {
      try {
        await time.sleep(ms, signal);
      } finally {
        await meetFate('sleep');
      }
    },
    timeout(ms) {
      const controller = new AbortController();
      time.after(ms, () => {
        void awake().then(() => controller.abort(new DOMException('timed out', 'TimeoutError')));
      });
      return controller.signal;
    },
    random: random.random,
    uuid: () => random.uuid(),
  };

  return {
    kind,
    clock,
    random,
    call,
    awake,
    meetFate,
    die,
    isDead: () => isDead,
    /** The platform counts the run as lost, and the container goes on with it. */
    outliveRun(): void {
      isOverdue = true;
    },
    /** True when the message of the run may be gone already: what the run leaves undone, no other takes up. */
    isAbandoned: () => isDead || isOverdue,
    isFrozen,
    /** The calls that have no answer yet. */
    underWay: (): readonly string[] => underWay,
    /** Calls `watcher` when the container dies; the function that it returns removes the watcher. */
    onDeath(watcher: () => void): () => void {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}
