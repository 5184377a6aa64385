/** A program that subscribes to the notification topic and follows the ends of uploads. */
import { z } from 'zod';
import type { World } from './world.ts';

const message = z.looseObject({
  type: z.string(),
  time: z.string(),
  deduplicationId: z.string(),
  upload: z.looseObject({ id: z.string() }),
});

export type Received = z.infer<typeof message> & { attributes: Record<string, string | undefined> };

/** Subscribes; what is read from now on has been published from now on. */
export async function subscribe(world: Pick<World, 'subscribe'>) {
  const take = await world.subscribe();

  /** Takes the notifications since the last call; only those of one upload, where one is named. */
  return async function receive(uploadId?: string): Promise<Received[]> {
    return (await take())
      .map(({ body, attributes }) => ({ ...message.parse(JSON.parse(body)), attributes }))
      .filter(({ upload }) => upload.id === (uploadId ?? upload.id));
  };
}
