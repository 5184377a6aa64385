/**
 * What the small upload API of the client's tests remembers: uploads, their stored bytes, and what each
 * call does to them, answers included. Every second read of an upload brings it to its next state.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { problem, storageRefusal } from './upload-answers.ts';
import type { Answer } from './upload-answers.ts';

type Resource = z.infer<typeof creation> & Record<string, unknown> & { id: string; status: string };
type Kept = {
  upload: Resource;
  /** The whole of a single one is part 1. */
  parts: Map<number, Buffer>;
  partSize: number | undefined;
  /** Set by the object's event or by complete. */
  isArrived: boolean;
  reads: number;
};

/** `number` is 0 for a file sent by a single PUT; `signed` says which set of URLs was used. */
export type Sent = { id: string; number: number; signed: string | null; body: Buffer };

/** `base`: what URLs begin with, if it is not the API itself that is asked. */
export type StoreOptions = {
  partSize?: number;
  threshold?: number;
  retryAfter?: string;
  /** Larger files end as a link. */
  maxAttachmentBytes?: number;
  base?: () => string;
};

const creation = z.strictObject({
  projectId: z.string(),
  issueId: z.string(),
  filename: z.string(),
  contentType: z.string(),
  size: z.int().positive(),
  sha256: z.string().optional(),
  mode: z.enum(['auto', 'single', 'multipart']).default('auto'),
});
const filters = z.strictObject({
  state: z.literal('open').optional(),
  projectId: z.string().optional(),
  issueId: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.coerce.number().int().default(0),
});
const STEPS = ['staged', 'delivering', 'delivered'];
const WITHOUT_ATTACHMENT = new Set(['failed', 'expired', 'cancelled', 'removed']);
const FINAL = new Set([...WITHOUT_ATTACHMENT, 'delivered']);

export const ATTACHMENT_ID = '956239067176999001';
export const LINK = {
  id: '956239067176777001',
  url: 'https://bridge.example.com/v1/files/6f1c1a53-2a8c-4f0e-9b55-0d6a0c7d3f10/secret',
  expiresAt: '2027-03-12T12:04:31.120Z',
};

/** An empty store whose URLs begin with what `base` gives. */
export function createUploadStore(base: () => string, options: StoreOptions) {
  const { partSize = 40_000, threshold = 10_000_000, retryAfter = '0' } = options;
  const { maxAttachmentBytes = Infinity } = options;
  const uploads = new Map<string, Kept>();
  const byKey = new Map<string, string>();
  const state = { generation: 1 };

  const endOf = (size: number): 'attachment' | 'link' => (size > maxAttachmentBytes ? 'link' : 'attachment');

  function create(body: Buffer, key: string): Answer {
    const about = creation.parse(JSON.parse(body.toString()));
    const earlier = uploads.get(byKey.get(key) ?? '');
    const isReused = earlier && !WITHOUT_ATTACHMENT.has(earlier.upload.status);
    if (isReused) {
      const isSame = Object.entries(about).every(
        ([name, value]) => name === 'mode' || earlier.upload[name] === value,
      );
      return isSame ? { status: 200, body: withUrls(earlier) } : problem(422, 'idempotency_key_reused');
    }
    const id = randomUUID();
    byKey.set(key, id);
    const isMultipart = about.mode === 'multipart' || (about.mode === 'auto' && about.size > threshold);
    const kept: Kept = {
      upload: {
        ...about,
        id,
        status: 'awaiting_upload',
        delivery: { endsAs: endOf(about.size), attempts: 0, bytesSent: 0 },
        attachment: null,
        link: null,
        error: null,
      },
      parts: new Map(),
      partSize: isMultipart ? partSize : undefined,
      isArrived: false,
      reads: 0,
    };
    uploads.set(id, kept);
    return { status: 201, body: withUrls(kept) };
  }

  function urls(kept: Kept): Answer {
    if (!isAwaited(kept)) return problem(409, 'upload_state_conflict');
    state.generation += 1;
    return { status: 200, body: withUrls(kept) };
  }

  function complete(kept: Kept): Answer {
    if (['cancelled', 'expired'].includes(kept.upload.status)) return problem(409, 'upload_state_conflict');
    const errors = missing(kept).map(({ number }) => ({
      pointer: kept.partSize === undefined ? 'file' : `part:${number}`,
      detail: 'is not stored',
    }));
    if (errors.length > 0) return problem(409, 'upload_incomplete', { errors });
    if (kept.upload.status === 'awaiting_upload') kept.upload.status = 'staged';
    kept.isArrived = true;
    return { status: 200, body: shown(kept) };
  }

  function cancel(kept: Kept): Answer {
    const { upload } = kept;
    if (upload['attachment'] !== null) return problem(409, 'upload_state_conflict');
    if (upload['link'] === null) upload.status = 'cancelled';
    else Object.assign(upload, { status: 'removed', link: null });
    return { status: 200, body: shown(kept) };
  }

  function retry(kept: Kept): Answer {
    const { status } = kept.upload;
    if (['awaiting_upload', 'expired', 'cancelled', 'removed'].includes(status)) {
      return problem(409, 'upload_state_conflict');
    }
    if (status === 'failed') {
      kept.upload.status = 'staged';
      kept.reads = 0;
    }
    return { status: 202, body: shown(kept) };
  }

  function list(query: URLSearchParams): Answer {
    const parsed = filters.safeParse(Object.fromEntries(query));
    if (!parsed.success) {
      const errors = parsed.error.issues.flatMap(({ path, message, ...issue }) =>
        (issue.code === 'unrecognized_keys' ? issue.keys : path).map((name) => ({
          pointer: `query:${String(name)}`,
          detail: message,
        })),
      );
      return problem(400, 'invalid_request', { errors });
    }
    const { limit, cursor, state: wanted, ...places } = parsed.data;
    const all = [...uploads.values()].toReversed().filter(({ upload }) => {
      const isThere = Object.entries(places).every(([name, value]) => upload[name] === value);
      return isThere && !(wanted && FINAL.has(upload.status));
    });
    const nextCursor = cursor + limit < all.length ? String(cursor + limit) : null;
    return { status: 200, body: { uploads: all.slice(cursor, cursor + limit).map(shown), nextCursor } };
  }

  function read(kept: Kept, ifNoneMatch: string | undefined): Answer {
    const { upload } = kept;
    const isUnderWay = kept.isArrived && !WITHOUT_ATTACHMENT.has(upload.status);
    const step = isUnderWay ? STEPS[Math.min(Math.floor(kept.reads / 2), STEPS.length - 1)] : undefined;
    if (step) kept.reads += 1;
    const etag = isAwaited(kept) ? `"1-${storedBytes(kept)}"` : `"${step ?? upload.status}"`;
    const headers = { etag, 'retry-after': retryAfter };
    if (ifNoneMatch === etag) return { status: 304, headers };
    if (step) upload.status = step;
    const sent = { staged: 0, delivering: Math.floor(upload.size / 2) }[upload.status] ?? upload.size;
    const endsAs = endOf(upload.size);
    upload['delivery'] = { endsAs, attempts: 1, bytesSent: step ? sent : 0 };
    const isDelivered = upload.status === 'delivered';
    upload['attachment'] = isDelivered && endsAs === 'attachment' ? { id: ATTACHMENT_ID } : null;
    upload['link'] = isDelivered && endsAs === 'link' ? LINK : null;
    return { status: 200, headers, body: shown(kept) };
  }

  function store(kept: Kept, { number, signed, body }: Sent): Answer {
    if (signed !== String(state.generation))
      return storageRefusal(403, 'AccessDenied', 'Request has expired');
    const isOver = kept.isArrived || kept.upload.status === 'cancelled';
    if (number === 0 && kept.isArrived)
      return storageRefusal(412, 'PreconditionFailed', 'The key exists already');
    if (number > 0 && isOver) return storageRefusal(404, 'NoSuchUpload', 'The upload does not exist');
    const range = cut(kept).find((part) => part.number === Math.max(number, 1));
    if (range?.length !== body.length)
      return storageRefusal(403, 'SignatureDoesNotMatch', 'The length is another one');
    kept.parts.set(range.number, body);
    // A single one ends with its event, a multipart one with complete.
    if (number === 0) kept.isArrived = true;
    return { status: 200 };
  }

  function withUrls(kept: Kept): object {
    const { upload } = kept;
    if (!isAwaited(kept)) return shown(kept);
    const signed = (path: string) => `${base()}/${path}/${upload.id}?generation=${state.generation}`;
    const parts = missing(kept).map((part) => ({
      ...part,
      method: 'PUT',
      url: signed(`parts/${part.number}`),
      headers: { 'content-length': String(part.length) },
    }));
    const single = {
      method: 'PUT',
      url: signed('storage'),
      headers: { 'content-type': upload.contentType, 'if-none-match': '*' },
    };
    const requests = kept.partSize === undefined ? single : { parts };
    return { ...upload, staging: { ...staging(kept), ...requests, expiresInSeconds: 3600 } };
  }

  function shown(kept: Kept): object {
    return { ...kept.upload, staging: staging(kept) };
  }

  return { state, uploads, create, urls, complete, cancel, retry, list, read, store };
}

function staging(kept: Kept): object {
  const { partSize } = kept;
  const common = { bytesStored: storedBytes(kept) };
  return partSize === undefined ? { mode: 'single', ...common } : { mode: 'multipart', partSize, ...common };
}

function isAwaited({ upload, isArrived }: Kept): boolean {
  return upload.status === 'awaiting_upload' && !isArrived;
}

function missing(kept: Kept): { number: number; offset: number; length: number }[] {
  return cut(kept).filter(({ number }) => !kept.parts.has(number));
}

function cut({ upload: { size }, partSize = size }: Kept) {
  return Array.from({ length: Math.ceil(size / partSize) }, (_, index) => {
    const offset = index * partSize;
    return { number: index + 1, offset, length: Math.min(partSize, size - offset) };
  });
}

function storedBytes({ parts }: Kept): number {
  return [...parts.values()].reduce((bytes, { length }) => bytes + length, 0);
}
