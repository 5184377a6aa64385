/** Bodies of messages on the queues: our own requests, S3's events, requests of producers, and other texts. */
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { storageEvent } from '../support/queue-event.ts';
import { issueId, projectId } from '../support/world.ts';
import { hostileText, hugeJson, hugeText, mostly } from './hostile.ts';

/** What the product has issued in one answer: its owner, and its values by name: `id`, `ticket`, `uploadId`, `key`. */
export type Issued = { owner: string; values: Record<string, string> };

/** What producers have put. */
export const PRODUCERS_BUCKET = 'artifacts';
export const PRODUCERS_KEY = 'a b+c.log';
export const PRODUCERS_BYTES = Buffer.from('of a producer');
export const DROPS = ['', '/x', '/1/', `/${issueId}/a.log`, `/${issueId}/需求 %2B"\u202e.txt`].map(
  (rest) => `ingest/${projectId}${rest}`,
);

const producersRequest = fc.record(
  {
    requestId: mostly(fc.constantFrom('one', 'two', 'three'), hostileText),
    source: fc.record(
      {
        bucket: mostly(
          fc.constant(PRODUCERS_BUCKET),
          fc.oneof(fc.constantFrom('staging', 'nowhere'), hostileText),
        ),
        key: mostly(fc.constant(PRODUCERS_KEY), hostileText),
        versionId: mostly(fc.constant('null'), hostileText),
      },
      { requiredKeys: ['bucket', 'key'] },
    ),
    projectId: mostly(fc.constant(projectId), hostileText),
    issueId: mostly(fc.constant(issueId), hostileText),
    filename: hostileText,
    contentType: hostileText,
    uploadedBy: hostileText,
  },
  { requiredKeys: ['requestId', 'source', 'projectId', 'issueId'] },
);

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
    drop: mostly(
      fc.constantFrom(...DROPS),
      hostileText.map((name) => `ingest/${projectId}/${issueId}/${name}`),
    ),
    asked: producersRequest,
    kind: fc.constantFrom(
      ...([
        'request',
        'request',
        'event',
        'event',
        'test',
        'drop',
        'drops',
        'asked',
        'asked',
        'resume',
      ] as const),
    ),
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
    const { eventName, drop, asked } = made;
    const value = {
      request: { uploadId, attempt: made.attempt },
      event: storageEvent({ key, bytes: Buffer.from(made.bytes), eventName }),
      drop: storageEvent({ key: encodeURIComponent(drop.toWellFormed()), bytes: PRODUCERS_BYTES, eventName }),
      drops: { drops: [{ key: drop, etag: createHash('md5').update(PRODUCERS_BYTES).digest('hex') }] },
      asked,
      resume: { resume: uploadId },
      test: { Service: 'Amazon S3', Event: 's3:TestEvent' },
    }[made.kind];
    const body = JSON.stringify(value);
    if (made.spoil === undefined) return body;
    const [from, by] = made.spoil;
    const at = from % body.length;
    return body.slice(0, at) + by + body.slice(at + by.length);
  });
