/**
 * The oracle's own reading of what the product leaves behind: records as plain data, keys in storage, lengths of time.
 * It shares no code with the product, so that a mistake of the product's reading is not repeated here.
 */
import { z } from 'zod';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

const time = z.iso.datetime().transform((text) => Date.parse(text));

/** Where the file came from, if a program offered it or it came by IPD's own route. */
const source = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('attach') }),
  z.object({ kind: z.literal('drop'), key: z.string(), etag: z.string(), offer: z.string() }),
  z.object({
    kind: z.literal('request'),
    requestId: z.string(),
    bucket: z.string(),
    key: z.string(),
    etag: z.string(),
  }),
]);

const recordForm = z.object({
  id: z.string(),
  owner: z.string(),
  source: source.optional(),
  projectId: z.string(),
  issueId: z.string(),
  status: z.enum([
    'awaiting_upload',
    'staged',
    'delivering',
    'waiting',
    'unconfirmed',
    'delivered',
    'failed',
    'expired',
    'cancelled',
    'removed',
  ]),
  size: z.number(),
  maxSize: z.number().optional(),
  filename: z.string(),
  uploadDeadline: time,
  dueAt: time.optional(),
  attempts: z.number(),
  etag: z.string().optional(),
  stagedAt: time.optional(),
  multipart: z.object({ uploadId: z.string() }).optional(),
  doubt: z.object({ since: time, accepted: z.boolean() }).optional(),
  lastError: z.object({ code: z.string(), detail: z.string().optional(), at: time }).optional(),
  attachmentId: z.string().nullish(),
  asLink: z.string().optional(),
  link: z.object({ id: z.string(), expiresAt: time }).optional(),
  removal: z.object({ at: time, by: z.string() }).optional(),
  deliveredAt: time.optional(),
  keepUntil: time.optional(),
  duplicates: z.array(z.string()).optional(),
  notification: z.object({ type: z.string(), at: z.string() }).optional(),
});

/** An upload's record; times in milliseconds. */
export type UploadRecord = z.infer<typeof recordForm>;

/** One version of a record, and when it was written. */
export type Version = { at: number; record: UploadRecord };

/** The record in an item of the table. */
export function readRecord(item: unknown): UploadRecord {
  return recordForm.parse(item);
}

const FINAL: ReadonlySet<string> = new Set(['delivered', 'failed', 'expired', 'cancelled', 'removed']);

export const isFinal = ({ status }: UploadRecord): boolean => FINAL.has(status);

export const keyOf = (id: string): string => `staging/${id}`;

/** Where the file of a link is kept. */
export const linkedKeyOf = (id: string): string => `linked/${id}`;

/** The upload whose file has this key. */
export const idIn = (key: string): string => key.split('/').at(-1) ?? '';
