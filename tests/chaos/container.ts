/**
 * One container that runs functions: its clock, and the faults that it can meet at every call to the outside. It may
 * die before, during or after a call, stand still for any time, or have its clock set.
 * A dead container's calls never end. It does not know what it calls.
 */
import type { Clock } from '../../lib/runtime/clock.ts';
import type { Random } from './random.ts';
import type { Faults } from './faults.ts';
import type { VirtualTime } from './virtual-time.ts';
import { SECOND_MS } from '../../lib/domain/units.ts';

export type Container = ReturnType<typeof createContainer>;
const PAUSES = [10, 45, 120, 310, 1200, 2000, 7200] as const;
/** By how much a clock may be wrong in the end, either way. */
const MAX_SKEW_MS = 30 * SECOND_MS;
/** A request that was under way when its sender died arrives within this time. */
const IN_FLIGHT_MS = 4 * SECOND_MS;

/** A container with its own random source. */
export function createContainer({
  time,
  random,
  faults,
}: {
  time: VirtualTime;
  random: Random;
  faults: Faults;
}) {
  const watchers = new Set<() => void>();
  let isDead = false;
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

  async function meetFate(): Promise<void> {
    if (faults.strikes('death', random)) die();
    if (faults.strikes('pause', random)) {
      frozenUntil = Math.max(
        frozenUntil,
        time.now() + random.pick(PAUSES) * SECOND_MS * (0.5 + random.random()),
      );
    }
    if (faults.strikes('clockJump', random)) skewMs = random.int(-MAX_SKEW_MS, MAX_SKEW_MS);
    await awake();
  }

  /** One call to the outside that takes about `latencyMs`. */
  async function call<T>(effect: () => T | Promise<T>, latencyMs: number): Promise<T> {
    await meetFate();
    if (faults.strikes('deathInFlight', random)) {
      time.after(random.int(0, IN_FLIGHT_MS), () => {
        // The caller is dead, so the outcome has no receiver.
        (async () => effect())().catch(() => undefined);
      });
      die();
      await awake();
    }
    await time.sleep(latencyMs * (0.5 + random.random()));
    await awake();
    try {
      return await effect();
    } finally {
      await meetFate();
    }
  }

  const clock: Clock = {
    now: () => time.now() + skewMs,
    async sleep(ms, signal) {
      try {
        await time.sleep(ms, signal);
      } finally {
        await awake();
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
    clock,
    random,
    call,
    awake,
    meetFate,
    die,
    isDead: () => isDead,
    isFrozen,
    /** Calls `watcher` when the container dies; the function that it returns removes the watcher. */
    onDeath(watcher: () => void): () => void {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}
