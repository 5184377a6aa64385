/**
 * The notification topic in memory: keeps every message that was published, in order. It injects no faults.
 */
import { PublishCommand } from '@aws-sdk/client-sns';
import { z } from 'zod';

/** What a subscriber gets; the oracle ignores unknown members. */
const message = z.object({
  version: z.literal('1'),
  type: z.string(),
  deduplicationId: z.string(),
  time: z.iso.datetime(),
  replayed: z.boolean().optional(),
  upload: z.object({
    source: z.object({ kind: z.string(), key: z.string().optional(), requestId: z.string().optional() }),
    id: z.string(),
    status: z.string(),
    size: z.int().nullable(),
    attachment: z.object({ id: z.string().nullable() }).nullable(),
    /** Never with its URL, which would give the file to every subscriber. */
    link: z.strictObject({ id: z.string(), expiresAt: z.iso.datetime() }).nullish(),
    removal: z.object({ by: z.string() }).nullish(),
    error: z.object({ code: z.string() }).nullable(),
  }),
});

export type NotificationMessage = z.infer<typeof message>;

export type Topic = ReturnType<typeof createTopic>;

/** An empty topic; `onPublished` is called with each message. */
export function createTopic({ onPublished }: { onPublished?: (message: NotificationMessage) => void } = {}) {
  const messages: NotificationMessage[] = [];

  /** Carries out one command. */
  function execute(command: object): object {
    if (!(command instanceof PublishCommand)) {
      throw new TypeError(`the topic does not know ${command.constructor.name}`);
    }
    const notification = parseNotification(command.input.Message ?? '');
    messages.push(notification);
    onPublished?.(notification);
    return { MessageId: String(messages.length) };
  }

  return { execute, messages };
}

/** A message as it was published; throws when it does not have the promised form. */
export function parseNotification(text: string): NotificationMessage {
  return message.parse(JSON.parse(text));
}
