/**
 * `npm run ops -- show ID`: one upload as the ledger and storage have it, with its history. It shows
 * the owner and the file name, but no signed URL, no ticket and no lease token.
 */
import { ingestedFrom, isUploadId, occupiesWorkItem, stagingKey } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { openServices } from './place.ts';
import type { Opened } from './place.ts';
import { padColumns, sayAge } from './terms.ts';
import type { Task } from './terms.ts';
import { failureIn } from '../../lib/texts/catalogue.ts';
import { catalogue, fill, texts, Trouble } from '../texts.ts';
import { en } from '../texts/en.ts';
import type { Texts } from '../texts/en.ts';

type Happening = { at: string; what: string };

export const show: Task = {
  takes: ['ID'],

  check({ names: [id, ...more] }) {
    if (id === undefined || more.length > 0) throw new Error(texts.ops.wrong.nameOne);
    if (!isUploadId(id)) throw new Error(fill(texts.ops.wrong.noId, { id }));
  },

  async run({ values, names: [id = ''], say }) {
    const services = await openServices(values);
    const upload = await services.ledger.find(id);
    if (upload === undefined) throw new Trouble(({ ops }) => fill(ops.show.none, { id }));
    const around = await lookAround(services, upload);
    describe(upload, around, services.clock.now()).forEach(([name, text]) =>
      say(`${padColumns(name, 14)} ${text}`),
    );
    say('');
    for (const { at, what } of historyOf(upload, texts)) say(`${at}  ${what}`);
    const history = historyOf(upload, en);
    return { well: true, answer: { upload: withoutSecrets(upload), ...around, history } };
  },
};

/** Facts about an upload that are not in its record. */
async function lookAround(
  { ledger, attachments, workItems, staging, drops, breaker, config }: Opened,
  upload: Upload,
) {
  const { source } = upload;
  const place = source?.kind === 'drop' ? { bucket: config.bucket, key: source.key } : undefined;
  const own = upload.status === 'delivered' ? upload.attachmentId : null;
  const ids = [own, upload.candidate, ...(upload.duplicates ?? [])].filter(
    (id): id is string => typeof id === 'string',
  );
  const [claims, holder, staged, drop, { state }] = await Promise.all([
    attachments.findClaims(ids),
    workItems.findHolder(upload),
    staging.head(stagingKey(upload.id)),
    place && drops.find(place),
    breaker.view(),
  ]);
  const holding = holder === undefined || holder === upload.id ? upload : await ledger.find(holder);
  return {
    /** The upload that blocks others of the same size on the work item. */
    workItemHolder: holding !== undefined && occupiesWorkItem(holding, Date.now()) ? holding.id : undefined,
    claims: Object.fromEntries(claims),
    stagedBytes: staged?.size,
    /** What is still under the key of a drop. */
    dropBytes: drop?.kind === 'found' ? drop.size : undefined,
    breaker: state,
  };
}

function describe(
  upload: Upload,
  around: Awaited<ReturnType<typeof lookAround>>,
  now: number,
): [string, string][] {
  const { id, status, version, doubt, dueAt, filename, size, contentType, erasure, notification } = upload;
  const { separators } = texts;
  const { members } = texts.ops;
  const lines: [string, string | undefined][] = [
    [members.upload, fill(texts.ops.show.version, { id, version })],
    [
      members.state,
      doubt === undefined ? status : fill(texts.ops.show.inDoubt, { status, since: doubt.since }),
    ],
    [members.error, describeLastError(upload)],
    [members.file, fill(texts.ops.show.file, { filename, size, contentType })],
    [members.sentName, upload.sentName === filename ? undefined : upload.sentName],
    ['sha256', upload.sha256],
    [members.owner, upload.owner],
    ...describeProducer(upload),
    [members.correlation, upload.correlationId],
    [members.project, upload.projectId],
    [members.workItem, upload.issueId],
    [
      members.attempts,
      fill(texts.ops.show.attempts, {
        attempts: upload.attempts,
        failed: upload.failedAttempts,
        bytes: upload.bytesSent,
      }),
    ],
    [members.due, dueAt === undefined ? texts.ops.show.notDue : sayDue(dueAt, now)],
    [members.retryUntil, upload.retryUntil],
    [members.staged, sayBytes(texts.ops.show.bytes, around.stagedBytes) ?? texts.ops.show.nothing],
    [members.drop, sayBytes(texts.ops.show.dropIsThere, around.dropBytes)],
    [members.keepUntil, status === 'failed' ? upload.keepUntil : undefined],
    [members.attachment, describeAttachment(upload)],
    [members.link, describeLink(upload)],
    [members.candidate, upload.candidate],
    [members.duplicates, upload.duplicates?.join(separators.members)],
    [
      members.claims,
      Object.entries(around.claims)
        .map(([attachment, by]) => fill(texts.ops.show.claim, { id: attachment, by }))
        .join(separators.parts) || undefined,
    ],
    [
      members.workItemHolder,
      around.workItemHolder && fill(texts.ops.show.workItemHolder, { id: around.workItemHolder }),
    ],
    [members.breaker, around.breaker === 'closed' ? undefined : around.breaker],
    [members.erased, erasure && fill(texts.ops.show.erased, erasure)],
    [
      members.notification,
      notification && fill(texts.ops.show.notification, { type: notification.type, at: notification.at }),
    ],
  ];
  return lines.flatMap(([name, words]) => (words === undefined ? [] : [[name, words]]));
}

/** The record has the message in English, and the detail as it came. */
function describeLastError({ lastError }: Upload): string | undefined {
  if (lastError === undefined) return undefined;
  const { code, detail } = lastError;
  const isEnglish = texts.language === 'en';
  const message = (isEnglish ? undefined : failureIn(catalogue, code)) ?? lastError.message;
  if (detail === undefined) return fill(texts.ops.show.error, { code, message });
  return fill(texts.ops.show.errorDetail, { code, message, detail });
}

function describeAttachment(upload: Upload): string | undefined {
  if (upload.status !== 'delivered') return undefined;
  return upload.attachmentId ?? (upload.reason && catalogue.remarks.attachment_id_unknown);
}

/** Without the URL: its secret opens the file. */
function describeLink(upload: Upload): string | undefined {
  if (upload.status === 'removed') {
    const { at, by } = upload.removal;
    return fill(texts.ops.show.linkRemoved, { at, by });
  }
  if (upload.status !== 'delivered' || upload.link === undefined) return undefined;
  return fill(texts.ops.show.link, { id: upload.link.id, until: upload.link.expiresAt });
}

function sayBytes(words: string, bytes: number | undefined): string | undefined {
  return bytes === undefined ? undefined : fill(words, { bytes });
}

/** How an upload came. What a producer says of a person is not checked, so it is shown as a claim. */
function describeProducer(upload: Upload): [string, string | undefined][] {
  const { uploadedBy } = upload;
  const from = ingestedFrom(upload);
  if (from === undefined) return [[texts.ops.members.uploadedBy, uploadedBy]];
  return [
    [texts.ops.members.source, describeSource(from)],
    [texts.ops.members.uploadedBy, uploadedBy && fill(texts.ops.show.producerSays, { name: uploadedBy })],
  ];
}

function describeSource(from: NonNullable<ReturnType<typeof ingestedFrom>>): string {
  if (from.kind === 'drop') return fill(texts.ops.show.fromDrop, { key: from.key, at: from.offer });
  const request = { id: from.requestId, object: `${from.bucket}/${from.key}` };
  return from.versionId === undefined
    ? fill(texts.ops.show.fromRequest, request)
    : fill(texts.ops.show.fromVersion, { ...request, version: from.versionId });
}

/** The history of a record in the order of writing, since the clocks of the writers may differ. */
function historyOf({ createdAt, history = [] }: Upload, { ops, separators }: Texts): Happening[] {
  const changes = history.map(({ at, status, attempt, code, by, reason = '' }) => {
    const acted = status === 'cancelled' || status === 'removed' ? ops.history.by : ops.history.triedAgainBy;
    const words = [
      status,
      attempt && fill(ops.history.attempt, { number: attempt }),
      code,
      by && fill(acted, { by, reason }),
    ];
    return { at, what: words.filter(Boolean).join(separators.parts) };
  });
  return [{ at: createdAt, what: ops.history.created }, ...changes];
}

function sayDue(dueAt: string, now: number): string {
  const wait = Date.parse(dueAt) - now;
  return wait > 0
    ? fill(texts.ops.show.dueIn, { age: sayAge(wait), at: dueAt })
    : fill(texts.ops.show.dueSince, { age: sayAge(-wait), at: dueAt });
}

/** Left out: a lease's token allows writes, a session is the hash of a ticket, S3's id can end a multipart upload. */
function withoutSecrets(upload: Upload): object {
  const { session: _session, multipart: _multipart, ...rest } = upload;
  return 'lease' in rest ? { ...rest, lease: { until: rest.lease.until } } : rest;
}
