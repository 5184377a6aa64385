/**
 * The oracle's other two checks, once no work is left: was a notification sent for the end of every upload, and is a
 * file left in storage that no upload needs? It reads and judges; it causes nothing.
 */
import { isFinal, stagingKey, uploadIdOf } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import type { NotificationMessage } from './ends/topic.ts';

type Names = (id: string) => string;

/** Final uploads without a notification of their end. */
export type NotificationVerdict = { untold: number; findings: string[] };

/** Files and parts in storage that nothing but their age will remove. */
export type Tidiness = { leftovers: number; findings: string[] };

/** How far ahead a sweep reads, and how wrong its clock may be. */
const SWEEP_REACH_MS = 90_000;

const TYPES: Partial<Record<Upload['status'], string>> = {
  delivered: 'UploadDelivered',
  failed: 'UploadFailed',
  expired: 'UploadExpired',
};

/**
 * `endings`: every version of a record that needs a notification, where the caller has them; a message that fits
 * none of them is false.
 */
export function judgeNotifications(
  { uploads, messages, endings }: { uploads: Upload[]; messages: NotificationMessage[]; endings?: Upload[] },
  nameOf: Names,
): NotificationVerdict {
  const findings: string[] = [];
  let untold = 0;
  for (const upload of uploads) {
    const type = TYPES[upload.status];
    if (type === undefined) continue;
    const isNotified = messages.some((message) => message.type === type && isAbout(message, upload));
    if (isNotified) continue;
    untold += 1;
    findings.push(`no notification says that ${nameOf(upload.id)} is ${upload.status}`);
  }
  const meanings = new Map<string, string>();
  for (const message of messages) {
    const { type, time, deduplicationId, upload } = message;
    const isTrue = endings?.some(
      (ending) =>
        ending.notification?.type === type && ending.notification.at === time && isAbout(message, ending),
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

/** Same upload, same end. */
function isAbout({ upload: notified }: NotificationMessage, upload: Upload): boolean {
  const attachmentId = upload.status === 'delivered' ? upload.attachmentId : undefined;
  const code = upload.status === 'failed' ? upload.lastError.code : notified.error?.code;
  return (
    notified.id === upload.id &&
    notified.status === upload.status &&
    notified.attachment?.id === attachmentId &&
    notified.error?.code === code &&
    notified.size === (upload.maxSize === undefined ? upload.size : null)
  );
}

/**
 * `begun`: multipart uploads; one without parts that no record names has no URL and costs nothing. `strays`: keys of
 * files that arrived after the upload had ended, and whose storage event was lost.
 */
export function judgeStorage(
  {
    uploads,
    keys,
    strays = new Set(),
    begun,
    now,
  }: {
    uploads: Upload[];
    keys: string[];
    strays?: ReadonlySet<string>;
    begun: { uploadId: string; key: string; parts: number }[];
    now: number;
  },
  nameOf: Names,
): Tidiness {
  const findings: string[] = [];
  const records = new Map(uploads.map((upload) => [upload.id, upload]));
  const ownerOf = (key: string): Upload | undefined => records.get(uploadIdOf(key) ?? '');
  const isDone = (upload: Upload): boolean => isFinal(upload) && upload.dueAt === undefined;
  for (const key of keys) {
    const upload = ownerOf(key);
    if (!strays.has(key) && (upload === undefined || isDone(upload))) {
      findings.push(`the file of ${nameOf(upload?.id ?? key)} is left in storage: ${upload?.status ?? ''}`);
    }
  }
  for (const { uploadId, key, parts } of begun) {
    const upload = ownerOf(key);
    const isReal = parts > 0 || upload?.multipart?.uploadId === uploadId;
    if (isReal && (upload === undefined || isDone(upload))) {
      findings.push(`${parts} parts of ${nameOf(upload?.id ?? key)} are left in storage`);
    }
  }
  const leftovers = findings.length;
  for (const upload of uploads) {
    const isKept =
      upload.status === 'failed' &&
      upload.etag !== undefined &&
      now < Date.parse(upload.keepUntil) - SWEEP_REACH_MS;
    if (isKept && !keys.includes(stagingKey(upload.id))) {
      findings.push(`the file of ${nameOf(upload.id)} is gone before its owner could have it tried again`);
    }
  }
  return { leftovers, findings };
}
