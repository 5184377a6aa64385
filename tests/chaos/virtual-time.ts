/**
 * Time that passes only when all tasks wait: tasks that can run do so first, then the clock jumps to the next timer.
 * It does not know which task waits, and it must not be mixed with real timers or sockets.
 */
import { setImmediate as nextCycle } from 'node:timers/promises';

export type VirtualTime = ReturnType<typeof createVirtualTime>;

type Timer = { at: number; order: number; act: (() => void) | undefined };

/** A clock that starts at `start` (milliseconds since 1970). */
export function createVirtualTime(start: number) {
  const heap: Timer[] = [];
  let now = start;
  let order = 0;

  /** Calls `act` after `ms`; the function that it returns cancels the call. */
  function after(ms: number, act: () => void): () => void {
    order += 1;
    const timer: Timer = { at: now + Math.max(Math.ceil(ms), 0), order, act };
    push(heap, timer);
    return () => {
      timer.act = undefined;
    };
  }

  /** Rejects with the signal's reason when it aborts first. */
  function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const giveUp = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = after(ms, () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      });
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Lets time pass until `isOver`, which is called when all tasks wait, or until no timer is left. */
  async function run(isOver: () => boolean): Promise<void> {
    for (;;) {
      // Promises and streams go on within a cycle of the event loop; after one cycle all of them wait for a timer.
      await nextCycle();
      if (isOver()) return;
      let timer = pop(heap);
      while (timer !== undefined && timer.act === undefined) timer = pop(heap);
      if (timer === undefined) return;
      now = timer.at;
      timer.act?.();
    }
  }

  return {
    now: () => now,
    elapsed: () => now - start,
    /** The times of all timers that are set, the next one first. */
    pending: () =>
      heap
        .filter(({ act }) => act !== undefined)
        .map(({ at }) => at)
        .toSorted((a, b) => a - b),
    after,
    sleep,
    run,
  };
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Timer[], timer: Timer): void {
  let index = heap.length;
  heap.push(timer);
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || isBefore(above, timer)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = timer;
}

function pop(heap: Timer[]): Timer | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    let below = heap[child];
    const sibling = heap[child + 1];
    if (below !== undefined && sibling !== undefined && isBefore(sibling, below)) {
      child += 1;
      below = sibling;
    }
    if (below === undefined || isBefore(last, below)) break;
    heap[index] = below;
    index = child;
  }
  heap[index] = last;
  return first;
}
