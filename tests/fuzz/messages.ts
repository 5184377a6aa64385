/** Bodies of messages on the delivery queue: our own requests, S3's events, and other texts. */
import * as fc from 'fast-check';
import { storageEvent } from '../support/queue-event.ts';
import { hostileText, hugeJson, hugeText, mostly } from './hostile.ts';

/** What the product has issued in one answer: its owner, and its values by name: `id`, `ticket`, `uploadId`, `key`. */
export type Issued = { owner: string; values: Record<string, string> };

/** Functions that make a body; it names what was issued, where that is given. */
export const messages: fc.Arbitrary<(issued: Issued | undefined) => string> = fc
  .record({
    id: fc.uuid(),
    attempt: mostly(fc.constantFrom(1, 1, 1, 2, 3), fc.integer()),
    bytes: fc.string({ maxLength: 30 }),
    eventName: fc.constantFrom(
      'ObjectCreated:Put',
      'ObjectCreated:CompleteMultipartUpload',
      'ObjectRemoved:Delete',
    ),
    key: mostly(fc.constant(undefined), hostileText),
    kind: fc.constantFrom('request', 'request', 'event', 'event', 'test'),
    spoil: fc.option(fc.tuple(fc.nat(400), hostileText), { nil: undefined }),
    huge: fc.oneof(
      { weight: 400, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.oneof(hugeText, hugeJson) },
    ),
  })
  .map((made) => (issued: Issued | undefined): string => {
    if (made.huge !== undefined) return made.huge;
    const uploadId = issued?.values['id'] ?? made.id;
    const key = made.key ?? `staging/${uploadId}`;
    const { eventName } = made;
    const value = {
      request: { uploadId, attempt: made.attempt },
      event: storageEvent({ key, bytes: Buffer.from(made.bytes), eventName }),
      test: { Service: 'Amazon S3', Event: 's3:TestEvent' },
    }[made.kind];
    const body = JSON.stringify(value);
    if (made.spoil === undefined) return body;
    const [from, by] = made.spoil;
    const at = from % body.length;
    return body.slice(0, at) + by + body.slice(at + by.length);
  });
