/** States, sizes and problems as texts for users. Pure. */
import type { Upload } from './api.ts';

const STATUS: Record<string, string> = {
  awaiting_upload: 'Waiting for the file',
  staged: 'Stored, next: IPD',
  delivering: 'On its way to IPD',
  waiting: 'Will be tried again',
  unconfirmed: 'Asking IPD whether it arrived',
  delivered: 'In IPD',
  failed: 'Failed',
  expired: 'Expired',
  cancelled: 'Cancelled',
  removed: 'Removed',
};

const FINAL = new Set(['delivered', 'failed', 'expired', 'cancelled', 'removed']);
const CANCELLABLE = new Set(['awaiting_upload', 'staged', 'waiting']);

export function statusInWords({ status, link }: Upload): string {
  if (link !== null) return 'Linked in IPD';
  return STATUS[status] ?? status;
}

export function isFinal({ status }: Upload): boolean {
  return FINAL.has(status);
}

/** Whether the page offers to cancel; the API decides. */
export function isCancellable({ status }: Upload): boolean {
  return CANCELLABLE.has(status);
}

/** Whether link and file can be removed. */
export function isRemovable({ status, link }: Upload): boolean {
  return status === 'delivered' && link !== null;
}

export function isRetryable({ status, error }: Upload): boolean {
  return status === 'failed' && error?.retryable === true;
}

/** Decimal units, as the page for people has them. */
export function sizeInWords(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit += 1) value /= 1000;
  const style = { style: 'unit', unit: units[unit], unitDisplay: unit === 0 ? 'long' : 'short' } as const;
  const maximumFractionDigits = unit > 1 && value < 9.95 ? 1 : 0;
  return new Intl.NumberFormat('en', { ...style, maximumFractionDigits }).format(value);
}

function timeInWords(iso: string): string {
  return new Date(iso).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });
}

/** Size, work item, time of creation, and whether it ends as a link; no line break within each. */
export function factsInWords(upload: Upload): string {
  const size = upload.size === null ? [] : [sizeInWords(upload.size)];
  const end = upload.delivery.endsAs === 'link' ? ['as a link'] : [];
  const facts = [...size, `work item ${upload.issueId}`, timeInWords(upload.createdAt), ...end];
  return facts.map((fact) => fact.replaceAll(' ', '\u00a0')).join(' · ');
}

export function linkInWords(link: NonNullable<Upload['link']>): string {
  return `link ${link.id} until ${timeInWords(link.expiresAt)}`;
}

/** The error of an upload and the time of its next attempt. */
export function troubleInWords({ error, delivery }: Upload): string {
  const next = delivery.nextAttemptAt;
  return [error?.message, error?.detail, next && `Next attempt: ${timeInWords(next)}.`]
    .filter(Boolean)
    .join(' ');
}

export function errorInWords(error: unknown): string {
  if (error instanceof TypeError) return 'The server cannot be reached, or does not let this page in.';
  return error instanceof Error ? error.message : String(error);
}
