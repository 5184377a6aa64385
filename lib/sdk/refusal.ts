/** What AWS refused, known by the form of its errors: their classes come with clients that need not be loaded. */
import * as z from 'zod';

const refusal = z
  .object({ name: z.string(), message: z.string(), $metadata: z.object({ httpStatusCode: z.number() }) })
  .transform(({ name, message, $metadata: { httpStatusCode: status } }) => ({ name, message, status }));

/** The answer behind an error of the SDK; undefined when there was none. */
export function refusalOf(error: unknown): z.output<typeof refusal> | undefined {
  return refusal.safeParse(error).data;
}
