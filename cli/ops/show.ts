/**
 * `npm run ops -- show ID`: one upload as the ledger and storage have it, with its history. It shows
 * the owner and the file name, but no signed URL, no ticket and no lease token.
 */
import { ingestedFrom, isUploadId, occupiesWorkItem, stagingKey } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { openServices } from './place.ts';
import type { Opened } from './place.ts';
import { sayAge } from './terms.ts';
import type { Task } from './terms.ts';

type Happening = { at: string; what: string };

export const show: Task = {
  takes: ['ID'],

  check({ names: [id, ...more] }) {
    if (id === undefined || more.length > 0) throw new Error('Name one upload');
    if (!isUploadId(id)) throw new Error(`${id} is no id of an upload`);
  },

  async run({ values, names: [id = ''], say }) {
    const services = await openServices(values);
    const upload = await services.ledger.find(id);
    if (upload === undefined) throw new Error(`There is no upload ${id}`);
    const around = await lookAround(services, upload);
    const history = historyOf(upload);
    describe(upload, around, services.clock.now()).forEach(([name, text]) =>
      say(`${name.padEnd(14)} ${text}`),
    );
    say('');
    for (const { at, what } of history) say(`${at}  ${what}`);
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
  const { lastError, doubt, dueAt } = upload;
  const lines: [string, string | undefined][] = [
    ['upload', `${upload.id}, version ${upload.version}`],
    ['state', doubt === undefined ? upload.status : `${upload.status}, in doubt since ${doubt.since}`],
    [
      'error',
      lastError &&
        `${lastError.code}: ${lastError.message}${lastError.detail === undefined ? '' : ` (${lastError.detail})`}`,
    ],
    ['file', `${upload.filename}, ${upload.size} bytes, ${upload.contentType}`],
    ['name in IPD', upload.sentName === upload.filename ? undefined : upload.sentName],
    ['sha256', upload.sha256],
    ['owner', upload.owner],
    ...describeProducer(upload),
    ['correlation', upload.correlationId],
    ['project', upload.projectId],
    ['work item', upload.issueId],
    [
      'attempts',
      `${upload.attempts}, ${upload.failedAttempts} of them failed ones that lengthen the wait; ${upload.bytesSent} bytes sent`,
    ],
    ['due', dueAt === undefined ? 'nothing is left to be done' : sayDue(dueAt, now)],
    ['retried until', upload.retryUntil],
    ['in staging', around.stagedBytes === undefined ? 'nothing' : `${around.stagedBytes} bytes`],
    ['drop', around.dropBytes === undefined ? undefined : `still there, ${around.dropBytes} bytes`],
    ['kept until', upload.status === 'failed' ? upload.keepUntil : undefined],
    ['attachment', upload.status === 'delivered' ? (upload.attachmentId ?? upload.reason) : undefined],
    ['candidate', upload.candidate],
    ['duplicates', upload.duplicates?.join(', ')],
    [
      'claims',
      Object.entries(around.claims)
        .map(([id, by]) => `${id} by ${by}`)
        .join(', ') || undefined,
    ],
    ['work item', around.workItemHolder && `held for this size by ${around.workItemHolder}`],
    ['breaker', around.breaker === 'closed' ? undefined : around.breaker],
    ['erased', upload.erasure && `${upload.erasure.at} by ${upload.erasure.by}: ${upload.erasure.reason}`],
    ['to be notified', upload.notification && `${upload.notification.type} of ${upload.notification.at}`],
  ];
  return lines.flatMap(([name, words]) => (words === undefined ? [] : [[name, words]]));
}

/** How an upload came. What a producer says of a person is not checked, so it is shown as a claim. */
function describeProducer(upload: Upload): [string, string | undefined][] {
  const { uploadedBy } = upload;
  const from = ingestedFrom(upload);
  if (from === undefined) return [['uploaded by', uploadedBy]];
  const source =
    from.kind === 'drop'
      ? `drop ${from.key}, put at ${from.offer}`
      : `request ${from.requestId}: ${from.bucket}/${from.key}${from.versionId === undefined ? '' : `, version ${from.versionId}`}`;
  return [
    ['source', source],
    ['uploaded by', uploadedBy && `${uploadedBy}, as the producer says`],
  ];
}

/** The history of a record in the order of writing, since the clocks of the writers may differ. */
function historyOf({ createdAt, history = [] }: Upload): Happening[] {
  const changes = history.map(({ at, status, attempt, code, by, reason }) => {
    const action = by && `${status === 'cancelled' ? '' : 'tried again '}by ${by}: ${reason}`;
    const words = [status, attempt && `attempt ${attempt}`, code, action];
    return { at, what: words.filter(Boolean).join(', ') };
  });
  return [{ at: createdAt, what: 'created' }, ...changes];
}

function sayDue(dueAt: string, now: number): string {
  const wait = Date.parse(dueAt) - now;
  return wait > 0 ? `in ${sayAge(wait)}, at ${dueAt}` : `since ${sayAge(-wait)}, at ${dueAt}`;
}

/** Left out: a lease's token allows writes, a session is the hash of a ticket, S3's id can end a multipart upload. */
function withoutSecrets(upload: Upload): object {
  const { session: _session, multipart: _multipart, ...rest } = upload;
  return 'lease' in rest ? { ...rest, lease: { until: rest.lease.until } } : rest;
}
