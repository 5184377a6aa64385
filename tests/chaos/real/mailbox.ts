/**
 * The queues on the shared clock: delay, visibility timeout and redrive as SQS has them, without its real time. The
 * sweep writes to them through a real SQS client whose calls end here.
 */
import { randomUUID } from 'node:crypto';
import { SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import type { Clock } from '../../../lib/runtime/clock.ts';

/** Which function gets it: those with deliveries have the same one. */
type Addressee = 'deliver' | 'ingest';

/** `id`: the same each time that the letter is taken. */
export type Letter = { to: Addressee; id: string; body: string; visibleAt: number; receives: number };

/** As in resources/staging.yml and ingestion.yml. */
const VISIBILITY_MS = 1_800_000;
export const MAX_RECEIVES = 5;

type Posted = Pick<Letter, 'to' | 'body'> & { delayMs: number; id?: string };

const sendMessage = z.object({
  QueueUrl: z.string(),
  MessageBody: z.string(),
  DelaySeconds: z.number(),
});

/** Empty queues; what is sent to `ingestQueueUrl` is for ingestion. */
export function createMailbox(clock: Clock, ingestQueueUrl: string | undefined) {
  const letters = new Set<Letter>();
  const client = new SQSClient({});
  client.middlewareStack.add(
    () =>
      async ({ input }) => {
        const { QueueUrl, MessageBody, DelaySeconds } = sendMessage.parse(input);
        const to = QueueUrl === ingestQueueUrl ? 'ingest' : 'deliver';
        put({ to, body: MessageBody, delayMs: DelaySeconds * 1000 });
        return { response: undefined, output: { $metadata: {} } };
      },
    { step: 'initialize' },
  );

  function put({ to, body, delayMs, id = randomUUID() }: Posted): void {
    letters.add({ to, id, body, visibleAt: clock.now() + delayMs, receives: 0 });
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
