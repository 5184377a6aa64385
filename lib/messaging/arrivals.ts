/** The events by which S3 reports new objects, as a queue brings them. Pure. */
import * as z from 'zod';
import { decodeKey } from '../domain/percent-encoding.ts';

/** An object was created under this key. */
export type Arrival = { key: string; etag: string; size: number };

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
const eventBody = z.object({
  Records: z.array(
    z.object({
      eventName: z.string(),
      s3: z.object({
        object: z.object({ key: z.string(), eTag: z.string().optional(), size: z.int().optional() }),
      }),
    }),
  ),
});

const testEventBody = z.object({ Event: z.literal('s3:TestEvent') });

/** The objects that an event reports, none for a test event; undefined for what is no event of S3. */
export function readArrivals(body: unknown): Arrival[] | undefined {
  if (testEventBody.safeParse(body).success) return [];
  const event = eventBody.safeParse(body);
  if (!event.success) return undefined;
  return event.data.Records.filter(({ eventName }) => eventName.startsWith('ObjectCreated:')).map(
    ({ s3: { object } }) => ({
      key: decodeKey(object.key),
      etag: object.eTag ?? '',
      size: object.size ?? -1,
    }),
  );
}
