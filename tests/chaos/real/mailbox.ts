/**
 * The delivery queue on the shared clock: delay, visibility timeout and redrive as SQS has them, without its real
 * time. The sweep writes to it through a real SQS client whose calls end here.
 */
import { SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import type { Clock } from '../../../lib/runtime/clock.ts';

export type Letter = { body: string; visibleAt: number; receives: number };

/** As in resources/staging.yml. */
const VISIBILITY_MS = 1_800_000;
const MAX_RECEIVES = 5;

const sendMessage = z.object({ MessageBody: z.string(), DelaySeconds: z.number() });

/** An empty queue. */
export function createMailbox(clock: Clock) {
  const letters = new Set<Letter>();
  const client = new SQSClient({});
  client.middlewareStack.add(
    () =>
      async ({ input }) => {
        const { MessageBody, DelaySeconds } = sendMessage.parse(input);
        put(MessageBody, DelaySeconds * 1000);
        return { response: undefined, output: { $metadata: {} } };
      },
    { step: 'initialize' },
  );

  function put(body: string, delayMs: number): void {
    letters.add({ body, visibleAt: clock.now() + delayMs, receives: 0 });
  }

  return {
    client,
    put,
    /** Takes up to `limit` letters that are visible now; what is not removed shows up again. */
    take(limit: number): Letter[] {
      const now = clock.now();
      const taken = [...letters].filter(({ visibleAt }) => visibleAt <= now).slice(0, limit);
      for (const letter of taken) {
        letter.visibleAt = now + VISIBILITY_MS;
        letter.receives += 1;
        if (letter.receives === MAX_RECEIVES) letters.delete(letter);
      }
      return taken;
    },
    remove: (letter: Letter) => letters.delete(letter),
    /** When the next one is visible; infinity when there is none. */
    nextAt: () => Math.min(...[...letters].map(({ visibleAt }) => visibleAt)),
  };
}
