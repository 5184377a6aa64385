/** Lets so many files go to storage at the same time, in the order in which they came. */

export type Places = ReturnType<typeof createPlaces>;

export function createPlaces(count: number) {
  const waiting: (() => void)[] = [];
  let free = count;

  function leave(): void {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  }

  /** Resolves when a place is free, with the function that gives it back; only its first call counts. */
  async function enter(): Promise<() => void> {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    let isInside = true;
    return () => {
      if (isInside) leave();
      isInside = false;
    };
  }

  return { enter };
}
