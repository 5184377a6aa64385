/** The state of an upload or its end, in the words that HTTP answers and notifications share. Pure. */
import { mayBeRetried } from './upload.ts';
import type { In, Upload } from './upload.ts';

/** The size is null until storage has the file. */
export function summaryOf(upload: Upload) {
  return {
    size: upload.maxSize === undefined ? upload.size : null,
    attachment: hasAttachment(upload) ? { id: upload.attachmentId, reason: upload.reason } : null,
    /** Without its URL, which only the owner gets. */
    link:
      upload.status === 'delivered' && upload.link
        ? { id: upload.link.id, expiresAt: upload.link.expiresAt }
        : null,
    removal: upload.status === 'removed' ? { at: upload.removal.at, by: upload.removal.by } : undefined,
    error: upload.lastError
      ? {
          code: upload.lastError.code,
          message: upload.lastError.message,
          detail: upload.lastError.detail,
          retryable: mayBeRetried(upload),
          at: upload.lastError.at,
        }
      : null,
  };
}

function hasAttachment(upload: Upload): upload is In<'delivered'> {
  return upload.status === 'delivered' && upload.link === undefined;
}

/** How the upload came, for those who wait for its end. */
export function sourceOf({ source, session }: Upload) {
  if (source === undefined) return { kind: session === undefined ? 'api' : 'uppy' };
  if (source.kind === 'drop') return { kind: source.kind, key: source.key };
  return source.kind === 'request'
    ? { kind: source.kind, requestId: source.requestId }
    : { kind: source.kind };
}
