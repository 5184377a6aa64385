/** Recognises errors of AWS by their form: their classes come with clients that need not be loaded. */
import * as z from 'zod';

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

/** Whether AWS failed, after all retries of the SDK: it was not reached, is broken, or throttles. */
export function isOutage(error: unknown): boolean {
  const { data } = unanswered.safeParse(error);
  if (data === undefined) return false;
  const { httpStatusCode: status } = data.$metadata;
  return status === undefined || status >= 500 || THROTTLES.test(data.name);
}
