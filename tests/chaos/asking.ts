/**
 * How a simulated client calls the API: it repeats a call that may succeed later, and gives up after a few attempts.
 */
import { AppError, isProblemCode, problems } from '../../lib/domain/errors.ts';
import type { Services } from '../../lib/services.ts';
import type { Platform } from './platform.ts';
import type { World } from './world.ts';
import { SECOND_MS } from '../../lib/domain/units.ts';

/** The answer; undefined when the API refuses it, or does not answer for too long. */
export type Ask = <T extends object>(act: (services: Services) => Promise<T>) => Promise<T | undefined>;
const MAX_CALLS = 5;

/** Calls the API about one upload; `onRefusal` is called with every refusal. */
export function createAsk(
  id: string,
  { world, platform, onRefusal }: { world: World; platform: Platform; onRefusal?: (error: AppError) => void },
): Ask {
  const { time, random, trace } = world;
  return async (act) => {
    for (let tries = 0; tries < MAX_CALLS; tries += 1) {
      const answer = await platform.api(act);
      if (answer !== undefined && !(answer instanceof AppError)) return answer;
      if (answer !== undefined && !isWorthRepeating(answer)) {
        trace.note('user', `is refused: ${answer.code}`, id);
        onRefusal?.(answer);
        return undefined;
      }
      await time.sleep(random.int(1, 30) * SECOND_MS);
    }
    return undefined;
  };
}

/** Whether the same call may succeed later. */
export function isWorthRepeating({ code }: AppError): boolean {
  return !isProblemCode(code) || problems[code].retryable;
}
