/**
 * The durable state of a world in which nothing runs, as a text: two worlds with the same text have the same future. Times
 * count from the next timer, and ids by their order, so that runs which differ only in what is over have the same text.
 */
import { createHash } from 'node:crypto';
import type { IpdContact } from './chronicle.ts';
import { refusals } from './ipd-faults.ts';
import { judgeIngestion } from './oracle-ingestion.ts';
import { offersIn } from './verdict.ts';
import type { World } from './world.ts';

/** What no decision depends on. */
const DEAD_MEMBERS = new Set(['version', 'history', 'updatedAt', 'correlationId', 'expiresAt']);
/** The secret of a link, a time as ISO 8601, one in milliseconds since 1970, an id of an upload, an id of IPD. */
const TOKEN =
  /(?<=\/)[\w-]{43}(?=")|\d{4}-\d\d-\d\dT[\d:.]+Z|\b1[678]\d{11}\b|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b\d{17,20}\b/g;

/** A hash of the state; only of use while `world.activity` is quiet. */
export function hashOfState(world: World): string {
  const { time, documents, queue, ingestQueue, ingestedQueue, objects } = world;
  const { ipd, people, topic, trace, strays, chronicle, reported, offered } = world;
  const hasOffers = offered.stays.length > 0 || offered.sent.length > 0;
  const pending = time.pending();
  const [next = time.now()] = pending;
  const items = documents.all('');
  const uploads = items.filter(({ pk }) => String(pk).startsWith('upload#'));
  const state = {
    items: items.filter(isAlive),
    deliveries: [queue, ingestedQueue].map(({ all }) =>
      all().map(({ body, receives, visibleAt }) => ({ body, receives, visibleAt })),
    ),
    offers: ingestQueue.all().map(({ id, body, receives, visibleAt }) => ({ id, body, receives, visibleAt })),
    dead: [queue, ingestedQueue, ingestQueue].map(({ dead }) => dead.length),
    drops: objects.under('ingest/').map(({ key, putAt }) => [key, new Date(putAt).toISOString()]),
    objects: objects.etags(),
    parts: objects.begun(),
    attachments: ipd.admin
      .attachments()
      .map(({ id, issueId, sha256, createdAt, visibleAt }) => [
        id,
        issueId,
        sha256,
        Math.max(createdAt, next),
        Math.max(visibleAt, next),
      ]),
    links: ipd.admin
      .links()
      .map(({ id, url, createdAt, visibleAt, hiddenAt, goneAt }) => [
        id,
        url,
        ...[createdAt, visibleAt, hiddenAt, goneAt].map((at = Infinity) =>
          at === Infinity ? null : Math.max(at, next),
        ),
        people.isOwnLink(id),
      ]),
    comments: ipd.admin.comments().length,
    notifications: topic.messages.map(({ type, replayed, upload }) => [
      type,
      replayed,
      upload.id,
      upload.attachment?.id,
    ]),
    users: [trace.of('user'), trace.of('producer')],
    judged: [
      [...strays],
      hasOffers ? judgeIngestion(offersIn(world), trace.nameOf).findings : [],
      [...objects.replaced()],
      people.deleted().map(({ id }) => id),
      people.deletedLinks().map(({ id }) => id),
      [...reported],
      uploads.map(({ id }) =>
        chronicle
          .contactsOf(String(id))
          .filter(isAnswer)
          .map(({ operation, fault }) => [operation, fault]),
      ),
    ],
    timers: pending,
  };
  const text = JSON.stringify(state, (name, value: unknown) => (DEAD_MEMBERS.has(name) ? undefined : value));
  const names = new Map<string, string>();
  const nameOf = (id: string): string => {
    const name = names.get(id) ?? `id${names.size}`;
    names.set(id, name);
    return name;
  };
  const relative = text.replaceAll(TOKEN, (token) => {
    if (/^\d{4}-.*Z$/.test(token)) return String(Date.parse(token) - next);
    return token.length === 13 ? String(Number(token) - next) : nameOf(token);
  });
  return createHash('sha256').update(relative).digest('base64');
}

/** Counters of a minute that is over are never read again. */
function isAlive({ pk }: Record<string, unknown>): boolean {
  return !/^(?:quota#|state#tries#)/.test(String(pk));
}

/** An answer of IPD by which an upload may end without an attachment, or with two links, or a comment is made. */
function isAnswer({ operation, fault }: IpdContact): boolean {
  const isOfLink = operation.startsWith('link') && (fault === 'nullResult' || fault === 'storedTwice');
  const isRefusal = fault === 'listOf' || refusals.some((kind) => kind === fault);
  return isOfLink || isRefusal || operation === 'commentCreate';
}
