/** Waits of the code under test that take no time. */

/** Runs work whose timers are due at once, and says how long each was set for, in milliseconds. A timer beyond a minute never comes. */
export async function withQuickWaits<T>(
  work: () => Promise<T>,
): Promise<{ result: T; waits: (number | undefined)[] }> {
  const waits: (number | undefined)[] = [];
  const { setTimeout } = globalThis;
  const quick = (resolve: () => void, ms?: number) => {
    waits.push(ms);
    return setTimeout(resolve, (ms ?? 0) > 60_000 ? ms : 0);
  };
  Reflect.set(globalThis, 'setTimeout', quick);
  try {
    return { result: await work(), waits };
  } finally {
    Reflect.set(globalThis, 'setTimeout', setTimeout);
  }
}
