/** A clock that is wrong, for drivers in Node and in a page. */

/** Sets the clock of this process, but not that of its timers. */
export function shiftClock(aheadMs: number): void {
  const real = Date;
  class Shifted extends real {
    constructor(...args: [] | [number | string]) {
      super(args.length === 0 ? Shifted.now() : args[0]);
    }
    static override now(): number {
      return real.now() + aheadMs;
    }
  }
  if (aheadMs !== 0) Reflect.set(globalThis, 'Date', Shifted);
}
