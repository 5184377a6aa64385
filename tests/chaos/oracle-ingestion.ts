/**
 * Judges what became of the objects and messages of producers, by the promises of ingestion: the same bytes under the same
 * key are one upload, each offer that stays is announced after it was made, and no drop goes before its copy is recorded.
 * It reads storage and records; the rules of keys are written down here once more, not taken from the product.
 */
import type { NotificationMessage } from '../ends/topic.ts';
import type { Sent, Stay } from './offered.ts';
import { isFinal, MINUTE, SECOND } from './oracle-reading.ts';
import type { UploadRecord, Version } from './oracle-reading.ts';

export type Ingested = {
  records: readonly UploadRecord[];
  histories: ReadonlyMap<string, readonly Version[]>;
  published: readonly { at: number; message: NotificationMessage }[];
  stays: readonly Stay[];
  sent: readonly Sent[];
  /** Bodies of the messages that no function could handle. */
  dead: readonly string[];
  openProject: string;
  /** In bytes. */
  largest: number;
  now: number;
};

export type IngestVerdict = {
  lost: number;
  duplicates: number;
  stuck: number;
  untold: number;
  leftovers: number;
  findings: string[];
};

type Count = Exclude<keyof IngestVerdict, 'findings'>;
type Asked = { project: string; issue: string; name: string };

/** The bucket of drops, and the one that requests may name. */
const OWN = 'staging';
const SOURCE = 'artifacts';
const FOLDER = 'ingest/';
/** How far ahead a sweep reads, and how wrong its clock may be. */
const SWEEP_REACH = MINUTE + 30 * SECOND;

/** All that is wrong. */
export function judgeIngestion(facts: Ingested, nameOf: (id: string) => string): IngestVerdict {
  const verdict: IngestVerdict = { lost: 0, duplicates: 0, stuck: 0, untold: 0, leftovers: 0, findings: [] };
  const object = (count: Count, words: string): void => {
    verdict[count] += 1;
    verdict.findings.push(words);
  };
  const { records, histories, published, now } = facts;
  const versionsOf = ({ id }: UploadRecord): readonly Version[] => histories.get(id) ?? [];
  const before = (record: UploadRecord, at: number): UploadRecord | undefined =>
    versionsOf(record).findLast((version) => version.at < at)?.record;
  const announcedSince = (record: UploadRecord, at: number): NotificationMessage[] =>
    published.flatMap((one) => (one.at >= at && one.message.upload.id === record.id ? [one.message] : []));

  const drops = facts.stays.filter(({ bucket, key }) => bucket === OWN && key.startsWith(FOLDER));
  for (const ofVersion of Map.groupBy(drops, ({ key, etag }) => `${etag} ${key}`).values()) {
    judgeDrop(ofVersion);
  }
  judgeRequests();
  return verdict;

  /** All stays of the same bytes under the same key. */
  function judgeDrop(stays: readonly Stay[]): void {
    const [{ key, etag } = { key: '', etag: '' }] = stays;
    const own = records.filter(
      ({ source }) => source?.kind === 'drop' && source.key === key && source.etag === etag,
    );
    const [record] = own;
    if (key.endsWith('/')) {
      if (record !== undefined) object('lost', `${nameOf(record.id)} was made of a folder`);
      return;
    }
    if (own.length > 1) object('duplicates', `${key} became ${own.length} uploads`);
    for (const stay of stays) {
      // What was removed or replaced may never have been seen.
      if (stay.endedBy === 'producer') continue;
      if (record === undefined) object('lost', `${key} was never taken`);
      else judgeStay(record, stay);
    }
  }

  function judgeStay(record: UploadRecord, stay: Stay): void {
    const { key, until, endedBy, isOvertaken } = stay;
    const name = `${nameOf(record.id)} of ${key}`;
    // Storage tells the time of an object in whole seconds.
    const from = Math.floor(stay.from / SECOND) * SECOND;
    if (!isOvertaken) demandAnswer(record, { from, name });
    if (endedBy === 'product') {
      const then = before(record, until + 1);
      const isCopied = then?.etag !== undefined;
      const isOver = then?.status === 'failed' && (then.keepUntil ?? Infinity) <= until + SWEEP_REACH;
      if (!isCopied && !isOver && !isOvertaken)
        object('lost', `${name} was removed, and no copy was recorded`);
      return;
    }
    if (!isFinal(record)) object('stuck', `${name} is ${record.status}, and its drop is there`);
    else if (record.status !== 'failed') {
      const isLost = record.status !== 'delivered' && record.status !== 'removed';
      object(isLost ? 'lost' : 'leftovers', `${name} is ${record.status}, and its drop is there`);
    } else if ((record.keepUntil ?? 0) < now - SWEEP_REACH) {
      object('leftovers', `${name} is over, and its drop is there`);
    }
  }

  /** An offer is announced after it was made: by the end of its upload, or once more where that had ended before. */
  function demandAnswer(record: UploadRecord, { from, name }: { from: number; name: string }): void {
    const announced = announcedSince(record, from);
    const earlier = before(record, from);
    // What had not been marked as announced yet is announced first, and answers this offer as well.
    const isEnded = earlier?.status === 'delivered' || earlier?.status === 'removed';
    const isMarked = isEnded && earlier.notification === undefined;
    if (announced.length === 0) object('untold', `${name}: nothing was said after the offer`);
    else if (isMarked && announced.every(({ replayed }) => replayed !== true)) {
      object('untold', `${name} was ${earlier.status} before, and no notification says that it is a replay`);
    }
    const isClear = earlier?.status === 'failed' && earlier.doubt === undefined;
    if (!isClear || codeOf(earlier)?.startsWith('ingest_') === true) return;
    // A request whose object its producer has removed, perhaps before the message was handled, can only be refused.
    if (record.source?.kind === 'request' && !isThereSince(record.source.key, from)) return;
    const isAnew = versionsOf(record).some(({ at, record: { status } }) => at >= from && status !== 'failed');
    if (!isAnew) object('lost', `${name} had failed, and was not tried anew`);
  }

  /** Whether the source bucket has had the object, or another under its key, all the time since. */
  function isThereSince(sourceKey: string, since: number): boolean {
    const stays = facts.stays.filter(({ bucket, key }) => bucket === SOURCE && key === sourceKey);
    const gapAt = stays.reduce((at, { from, until }) => (from <= at ? Math.max(at, until) : at), since);
    return gapAt === Infinity;
  }

  function judgeRequests(): void {
    const all = facts.sent.map(({ at, body }) => ({ at, body, read: readRequest(body) }));
    for (const { body, read } of all) {
      if (read === undefined && !facts.dead.includes(body)) {
        object('lost', 'a message that is none is not among the dead letters');
      }
    }
    const ofProducers = all.flatMap(({ at, body, read }) => (read === undefined ? [] : [{ at, body, read }]));
    for (const [requestId, some] of Map.groupBy(ofProducers, ({ read }) => read.requestId)) {
      const own = records.filter(
        ({ source }) => source?.kind === 'request' && source.requestId === requestId,
      );
      const firsts = own.filter((record) => !isSecondary(record));
      if (firsts.length > 1) object('duplicates', `${requestId} became ${firsts.length} uploads`);
      for (const ofAsk of Map.groupBy(some, ({ read }) => askOf(read)).values()) {
        const [{ read } = { read: undefined }] = ofAsk;
        const matching = own.filter((record) => read !== undefined && isOf(record, read));
        const [record] = matching;
        if (matching.length > 1) object('duplicates', `${requestId} became ${matching.length} equal uploads`);
        if (record === undefined) {
          object('lost', `${requestId} was never taken`);
          continue;
        }
        for (const { at } of ofAsk)
          demandAnswer(record, { from: at, name: `${nameOf(record.id)} of ${requestId}` });
        if (record.status === 'expired') object('lost', `${nameOf(record.id)} of ${requestId} expired`);
      }
    }
  }
}

/** The codes with which an upload of a producer may end by what the producer did. */
export function codesOfOffer(
  record: UploadRecord,
  facts: Pick<Ingested, 'stays' | 'sent' | 'openProject' | 'largest'>,
): string[] {
  const { source } = record;
  if (source === undefined || source.kind === 'attach') return [];
  const stays = facts.stays.filter(({ bucket, key }) =>
    source.kind === 'drop'
      ? bucket === OWN && key === source.key
      : bucket === source.bucket && key === source.key,
  );
  if (source.kind === 'drop') {
    const own = stays.filter(({ etag }) => etag === source.etag);
    const refused = refusalOf(askedByKey(source.key), own[0]?.size ?? 0, facts);
    if (refused !== undefined) return [refused];
    const isUnsteady = own.some(({ endedBy, isOvertaken }) => endedBy === 'producer' || isOvertaken);
    return isUnsteady ? ['ingest_source_missing', 'ingest_source_replaced'] : [];
  }
  if (source.bucket === '') return ['ingest_malformed'];
  const ofId = facts.sent.flatMap(({ body }) => {
    const read = readRequest(body);
    return read?.requestId === source.requestId && read.isWellFormed ? [read] : [];
  });
  const reused = new Set(ofId.map(askOf)).size > 1 ? ['ingest_request_reused'] : [];
  if (source.bucket !== SOURCE) return [...reused, 'ingest_source_forbidden'];
  const sizes = new Set(stays.map(({ size }) => size));
  const asked = { project: record.projectId, issue: record.issueId, name: record.filename };
  const refused = [...sizes].flatMap((size) => refusalOf(asked, size, facts) ?? []);
  const isSteady = stays.length === 1 && stays[0]?.endedBy === undefined;
  return [...reused, ...refused, ...(isSteady ? [] : ['ingest_source_missing', 'ingest_source_replaced'])];
}

/** The SHA-256 of the bytes that this upload must have brought to IPD. */
export function bytesOffered(
  { source }: UploadRecord,
  versions: readonly Version[],
  stays: readonly Stay[],
): string | undefined {
  if (source === undefined || source.kind === 'attach') return undefined;
  // An offer that came after the end has changed nothing about the bytes.
  const copied = versions.findLast(({ record }) => record.status === 'awaiting_upload')?.record.source;
  const { etag } = copied !== undefined && copied.kind !== 'attach' ? copied : source;
  const bucket = source.kind === 'drop' ? OWN : source.bucket;
  return stays.find((stay) => stay.bucket === bucket && stay.key === source.key && stay.etag === etag)
    ?.sha256;
}

/** The name under which a drop without a name of its own must arrive; undefined for a refused one. */
export function nameOffered({ source }: UploadRecord): string | undefined {
  if (source?.kind !== 'drop') return undefined;
  return source.key.split('/').at(-1);
}

function refusalOf(
  { project, issue, name }: Asked,
  size: number,
  { openProject, largest }: Pick<Ingested, 'openProject' | 'largest'>,
): string | undefined {
  const isFormed =
    /^[0-9A-Za-z]{32}$/.test(project) &&
    /^\d{18,19}$/.test(issue) &&
    !['', '.', '..'].includes(name) &&
    !/\p{Cc}/u.test(name);
  if (!isFormed) return 'ingest_malformed';
  if (project !== openProject) return 'ingest_project_closed';
  if (size === 0) return 'ingest_empty';
  return size > largest ? 'ingest_too_large' : undefined;
}

function askedByKey(key: string): Asked {
  const [project = '', issue = '', ...path] = key.slice(FOLDER.length).split('/');
  return { project, issue, name: path.at(-1) ?? '' };
}

type Read = {
  requestId: string;
  project: string;
  issue: string;
  bucket: string;
  key: string;
  isWellFormed: boolean;
  body: string;
};

/** Undefined for what has no id of a request. */
function readRequest(body: string): Read | undefined {
  try {
    const { requestId, projectId, issueId, source } = JSON.parse(body);
    if (typeof requestId !== 'string') return undefined;
    const { bucket, key } = Object(source);
    const isWellFormed = [projectId, issueId, bucket, key].every(
      (part) => typeof part === 'string' && part !== '',
    );
    const asked = { project: String(projectId), issue: String(issueId), name: 'x' };
    const isRefused = refusalOf(asked, 1, { openProject: asked.project, largest: 1 }) !== undefined;
    return {
      requestId,
      project: asked.project,
      issue: asked.issue,
      bucket: String(bucket),
      key: String(key),
      isWellFormed: isWellFormed && !isRefused,
      body,
    };
  } catch {
    return undefined;
  }
}

function askOf({ project, issue, bucket, key, isWellFormed, body }: Read): string {
  return isWellFormed ? JSON.stringify([project, issue, bucket, key]) : body;
}

function isOf({ source, projectId, issueId }: UploadRecord, read: Read): boolean {
  if (source?.kind !== 'request') return false;
  if (!read.isWellFormed) return source.bucket === '' && codeIsMalformed(read, projectId, issueId);
  return (
    source.bucket === read.bucket &&
    source.key === read.key &&
    projectId === read.project &&
    issueId === read.issue
  );
}

function codeIsMalformed(read: Read, projectId: string, issueId: string): boolean {
  const shown = (text: string): string => (text === 'undefined' ? '' : text);
  return shown(read.project) === projectId && shown(read.issue) === issueId;
}

/** An upload that only says why a message did not become one. */
function isSecondary(record: UploadRecord): boolean {
  const code = codeOf(record) ?? '';
  return (
    code === 'ingest_request_reused' || (record.source?.kind === 'request' && record.source.bucket === '')
  );
}

function codeOf({ status, lastError }: UploadRecord): string | undefined {
  return status === 'failed' ? lastError?.code : undefined;
}
