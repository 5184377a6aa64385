/** What runs in a simulated world: functions, requests under way, work of a server. Between them only durable state counts. */

export type Activity = ReturnType<typeof createActivity>;

export function createActivity() {
  let running = 0;

  return {
    /** Counts this work until it ends, well or badly. */
    async during<T>(work: Promise<T>): Promise<T> {
      running += 1;
      try {
        return await work;
      } finally {
        running -= 1;
      }
    },
    isQuiet: () => running === 0,
  };
}
