/**
 * How many deliveries a minute we start while IPD asks for fewer requests. Pure: the counts of a minute's tries are
 * arguments; the breaker stores them, and the rate, for all functions.
 */

/** Tries of deliveries: each reads the work item's list and mostly sends the file. A throttle ends a try. */
export type Tries = { tries: number; throttled: number };

/** More than this share of throttled tries is too fast. */
const MOST_THROTTLED = 0.1;
/** Then the rate falls to what IPD took in that minute, but to this share of the present one at least. */
const LEAST = 0.5;
/** How fast the rate comes back: by a tenth a minute. */
const RAISED_BY = 1.1;
/** The rate never falls below this: only a delivery can show that IPD takes more again. */
const FLOOR = 1;

/** The rate after a minute with these tries; undefined when it is the full one again. */
export function nextRate(
  { rate, full }: { rate: number | undefined; full: number },
  { tries, throttled }: Tries,
): number | undefined {
  const present = Math.min(rate ?? full, full);
  if (throttled > tries * MOST_THROTTLED) {
    const taken = Math.max(tries - throttled, Math.floor(present * LEAST), FLOOR);
    return taken >= full ? undefined : Math.min(taken, present);
  }
  const raised = Math.ceil(present * RAISED_BY);
  return raised >= full ? undefined : raised;
}
