/**
 * An upload as a caller sees it: the JSON of the HTTP contract, and how soon to ask again.
 * Pure; names no owner, no lease and nothing of storage but the URL that was signed for the caller.
 */
import { AppError, isProblemCode } from '../domain/errors.ts';
import { summaryOf } from '../domain/summary.ts';
import { failureIn } from '../texts/catalogue.ts';
import type { Catalogue } from '../texts/catalogue.ts';
import { isFinal } from '../domain/upload.ts';
import type { Upload } from '../domain/upload.ts';
import type { View } from '../uploads/manage.ts';

/**
 * The body of every answer about one upload: ids are strings, times ISO 8601, sizes bytes. The record has its texts in
 * English; a person reads them in their own language, and in English those of a code that only a newer version has.
 */
export function toResource({ upload, bytesStored, presigned, linkUrl, replay }: View, texts: Catalogue) {
  const { size, attachment, link, removal, error } = summaryOf(upload);
  const { multipart } = upload;
  return {
    id: upload.id,
    status: upload.status,
    projectId: upload.projectId,
    issueId: upload.issueId,
    filename: upload.filename,
    contentType: upload.contentType,
    size,
    sha256: upload.sha256,
    createdAt: upload.createdAt,
    updatedAt: upload.updatedAt,
    uploadDeadline: upload.uploadDeadline,
    staging: {
      mode: multipart === undefined ? 'single' : 'multipart',
      bytesStored,
      partSize: multipart?.partSize,
      ...presigned,
    },
    delivery: {
      endsAs: upload.asLink === undefined ? 'attachment' : 'link',
      attempts: upload.attempts,
      bytesSent: upload.bytesSent,
      nextAttemptAt:
        upload.status === 'waiting' || upload.status === 'unconfirmed' ? upload.dueAt : undefined,
    },
    attachment: attachment?.reason
      ? { ...attachment, reason: texts.remarks.attachment_id_unknown }
      : attachment,
    link: link && { ...link, url: linkUrl },
    removal,
    error: error && { ...error, message: failureIn(texts, error.code) ?? error.message },
    ...replay,
  };
}

/**
 * The version of a resource in a language. While a multipart upload arrives, its stored bytes are part of the version,
 * since they change without a change of the record.
 */
export function etagOf({ upload, bytesStored }: View, { language }: Catalogue): string {
  const isUnderWay = upload.status === 'awaiting_upload' && upload.multipart !== undefined;
  const version = isUnderWay ? `${upload.version}-${bytesStored}` : String(upload.version);
  return language === 'en' ? `"${version}"` : `"${version}-${language}"`;
}

/** Seconds until it is worth asking again; undefined when nothing will change by itself. */
export function pollAfterSeconds(upload: Upload, now: number): number | undefined {
  if (isFinal(upload)) return undefined;
  switch (upload.status) {
    case 'awaiting_upload':
      return 1;
    case 'waiting':
    case 'unconfirmed': {
      const seconds = Math.ceil((Date.parse(upload.dueAt ?? '') - now) / 1000);
      return Number.isNaN(seconds) ? 5 : Math.min(Math.max(seconds, 2), 60);
    }
    default:
      return 1;
  }
}

/**
 * The same upload in IPD's own answer shape: 200 when IPD has the file, 202 while it is under way.
 * Throws `delivery_failed`, or the code of the refusal where it has a meaning of its own in HTTP.
 * https://support.huaweicloud.com/api-projectman/CreateIpdProjectIssueAttachment.html
 */
export function toIpdAnswer(upload: Upload): { statusCode: number; body: unknown } {
  if (upload.status === 'delivered') {
    const attachment = {
      progress: 100,
      id: upload.attachmentId,
      workitem_id: upload.issueId,
      filesize: upload.size,
      store_filename: upload.sentName,
      title: upload.filename,
    };
    const result = upload.attachmentId === null ? null : [attachment];
    const message = upload.link === undefined ? null : 'The work item has a link to the file, no attachment.';
    return { statusCode: 200, body: { status: 'success', message, result } };
  }
  if (!isFinal(upload)) {
    const message = 'The file is stored and on its way; the address in Location tells how it ends.';
    return { statusCode: 202, body: { status: 'accepted', message, result: null } };
  }
  const code = upload.lastError?.code ?? '';
  const words = [upload.lastError?.message ?? `The upload is ${upload.status}.`, upload.lastError?.detail];
  const problem = isProblemCode(code) ? code : 'delivery_failed';
  throw new AppError(problem, words.filter(Boolean).join(' '), { failure: code });
}
