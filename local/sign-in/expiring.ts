/** Things that are kept under a random name for a limited time, in memory: codes, sessions, refresh tokens. */
import { randomBytes } from 'node:crypto';

/** `clock` in milliseconds. */
export function createExpiring<T>({ lifeMs, clock }: { lifeMs: number; clock: () => number }) {
  const kept = new Map<string, { value: T; until: number }>();

  /** The value, unless its time is over. */
  function find(name: string): T | undefined {
    const entry = kept.get(name);
    return entry !== undefined && clock() < entry.until ? entry.value : undefined;
  }

  return {
    find,

    /** Keeps the value and returns its name, which cannot be guessed. */
    add(value: T): string {
      for (const [name, { until }] of kept) if (until <= clock()) kept.delete(name);
      const name = randomBytes(32).toString('base64url');
      kept.set(name, { value, until: clock() + lifeMs });
      return name;
    },

    /** The value, which is gone afterwards. */
    take(name: string): T | undefined {
      const value = find(name);
      kept.delete(name);
      return value;
    },
  };
}
