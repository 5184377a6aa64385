/**
 * The oracle's other two checks, once no work is left: was a notification sent for the end of every upload, and is a
 * file left in storage that no upload needs? It reads and judges; it causes nothing.
 */
import { idIn, isFinal, keyOf, linkedKeyOf, MINUTE, SECOND } from './oracle-reading.ts';
import type { UploadRecord } from './oracle-reading.ts';
import type { NotificationMessage } from '../ends/topic.ts';

type Names = (id: string) => string;

/** Final uploads without a notification of their end. */
export type NotificationVerdict = { untold: number; findings: string[] };

/** Files and parts in storage that nothing but their age will remove. */
export type Tidiness = { leftovers: number; findings: string[] };

/** How far ahead a sweep reads, and how wrong its clock may be. */
const SWEEP_REACH = MINUTE + 30 * SECOND;

export const TYPES: Partial<Record<UploadRecord['status'], string>> = {
  delivered: 'UploadDelivered',
  failed: 'UploadFailed',
  expired: 'UploadExpired',
  removed: 'UploadRemoved',
};

/**
 * `endings`: every version of a record that needs a notification, where the caller has them; a message that fits
 * none of them is false.
 */
export function judgeNotifications(
  {
    records,
    messages,
    endings,
  }: { records: UploadRecord[]; messages: NotificationMessage[]; endings?: UploadRecord[] },
  nameOf: Names,
): NotificationVerdict {
  const findings: string[] = [];
  let untold = 0;
  for (const record of records) {
    const type = TYPES[record.status];
    if (type === undefined) continue;
    const isNotified = messages.some((message) => message.type === type && isAbout(message, record));
    if (isNotified) continue;
    untold += 1;
    findings.push(`no notification says that ${nameOf(record.id)} is ${record.status}`);
  }
  const meanings = new Map<string, string>();
  for (const message of messages) {
    const { type, time, deduplicationId, upload } = message;
    const isTrue = endings?.some(
      (ending) =>
        ending.notification?.type === type &&
        ending.notification.at === time &&
        isAbout(message, ending) &&
        message.upload.link?.id === ending.link?.id,
    );
    if (isTrue === false) findings.push(`${type} of ${nameOf(upload.id)} matches no version of its record`);
    const meaning = `${upload.id} ${type} ${time}`;
    if ((meanings.get(deduplicationId) ?? meaning) !== meaning) {
      findings.push(`two notifications of ${nameOf(upload.id)} have the same deduplication id`);
    }
    meanings.set(deduplicationId, meaning);
  }
  return { untold, findings };
}

/** Same upload, same end. A link that is gone from IPD may have been replaced by another one since. */
function isAbout({ upload: notified }: NotificationMessage, record: UploadRecord): boolean {
  const isLinked = record.status === 'delivered' && record.link !== undefined;
  const attachmentId = record.status === 'delivered' && !isLinked ? record.attachmentId : undefined;
  const code = record.status === 'failed' ? record.lastError?.code : notified.error?.code;
  return (
    notified.id === record.id &&
    notified.status === record.status &&
    notified.attachment?.id === attachmentId &&
    (notified.link?.id !== undefined) === isLinked &&
    notified.removal?.by === (record.status === 'removed' ? record.removal?.by : undefined) &&
    notified.error?.code === code &&
    notified.size === (record.maxSize === undefined ? record.size : null)
  );
}

/**
 * `begun`: multipart uploads; one without parts that no record names has no URL and costs nothing. `strays`: keys of
 * files that arrived after the upload had ended, and whose storage event was lost.
 */
export function judgeStorage(
  {
    records,
    keys,
    strays = new Set(),
    begun,
    now,
  }: {
    records: UploadRecord[];
    keys: string[];
    strays?: ReadonlySet<string>;
    begun: { uploadId: string; key: string; parts: number }[];
    now: number;
  },
  nameOf: Names,
): Tidiness {
  const findings: string[] = [];
  const byId = new Map(records.map((record) => [record.id, record]));
  const ownerOf = (key: string): UploadRecord | undefined => byId.get(idIn(key));
  const isDone = (record: UploadRecord): boolean => isFinal(record) && record.dueAt === undefined;
  for (const key of keys.filter((one) => one.startsWith(keyOf('')))) {
    const record = ownerOf(key);
    if (!strays.has(key) && (record === undefined || isDone(record))) {
      findings.push(`the file of ${nameOf(record?.id ?? key)} is left in storage: ${record?.status ?? ''}`);
    }
  }
  for (const key of keys.filter((one) => one.startsWith(linkedKeyOf('')))) {
    const record = ownerOf(key);
    // A delivered link has its end before it.
    if (record === undefined || isDone(record)) {
      findings.push(`the linked file of ${nameOf(record?.id ?? key)} is left: ${record?.status ?? ''}`);
    }
  }
  for (const { uploadId, key, parts } of begun) {
    const record = ownerOf(key);
    const isReal = parts > 0 || record?.multipart?.uploadId === uploadId;
    if (isReal && (record === undefined || isDone(record))) {
      findings.push(`${parts} parts of ${nameOf(record?.id ?? key)} are left in storage`);
    }
  }
  const leftovers = findings.length;
  for (const record of records) {
    const { status, etag, keepUntil = 0 } = record;
    const isKept = status === 'failed' && etag !== undefined && now < keepUntil - SWEEP_REACH;
    if (isKept && !keys.includes(keyOf(record.id))) {
      findings.push(`the file of ${nameOf(record.id)} is gone before its owner could have it tried again`);
    }
  }
  return { leftovers, findings };
}
