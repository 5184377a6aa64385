/**
 * Recognises errors of AWS by their form: their classes come with clients that need not be loaded. Only adapters use
 * this, and throw an AppError.
 */
import * as z from 'zod';
import { AppError } from '../domain/errors.ts';

const refusal = z
  .object({ name: z.string(), message: z.string(), $metadata: z.object({ httpStatusCode: z.number() }) })
  .transform(({ name, message, $metadata: { httpStatusCode: status } }) => ({ name, message, status }));

/** The answer behind an error of the SDK; undefined when there was none. */
export function refusalOf(error: unknown): z.output<typeof refusal> | undefined {
  return refusal.safeParse(error).data;
}

const THROTTLES = /Throttl|ThroughputExceeded|RequestLimitExceeded|SlowDown/;

const unanswered = z.object({
  name: z.string(),
  $metadata: z.object({ httpStatusCode: z.number().optional() }),
});

/**
 * Throws an error of AWS's as an AppError: `unavailable` for an outage, `internal` for a refusal. `what` was tried,
 * and on what. Another error is thrown as it is.
 */
export function failed(what: string): (error: unknown) => never {
  return (cause) => {
    if (!unanswered.safeParse(cause).success) throw cause;
    throw new AppError(isOutage(cause) ? 'unavailable' : 'internal', `${what} failed`, { cause });
  };
}

/** Whether AWS failed, after all retries of the SDK: it was not reached, is broken, or throttles. */
function isOutage(error: unknown): boolean {
  const { data } = unanswered.safeParse(error);
  if (data === undefined) return false;
  const { httpStatusCode: status } = data.$metadata;
  return status === undefined || status >= 500 || THROTTLES.test(data.name);
}
