/**
 * Creates uploads: decides what a caller may begin, begins the multipart upload and writes the record. Knows nothing
 * of HTTP.
 */
import { createHash } from 'node:crypto';
import type { Breaker } from '../pacing/breaker.ts';
import type { BreakerView } from '../domain/breaker.ts';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../domain/errors.ts';
import { normalName } from '../ipd/form.ts';
import type { IdempotencyKeys } from '../ledger/idempotency-keys.ts';
import type { Ledger } from '../ledger/uploads.ts';
import type { Multipart } from '../storage/multipart.ts';
import * as lifecycle from '../domain/lifecycle.ts';
import { partSizeFor } from '../domain/parts.ts';
import type { Largest, Preflight } from './preflight.ts';
import type { Quota } from '../pacing/quota.ts';
import { isFinal, mayBeInIpd, stagingKey } from '../domain/upload.ts';
import type { NewUpload, Policy, Upload, WorkItem } from '../domain/upload.ts';

/** The caller: the owner of what is created, the projects that the token allows ('*' is all), and the call's own id. */
export type Caller = {
  owner: string;
  /** The owner's name, for people. */
  uploadedBy?: string | undefined;
  projects: readonly string[] | '*';
  requestId?: string | undefined;
};

/** A checked request for an upload; `size` in bytes, `sha256` in hex. */
export type UploadRequest = WorkItem & {
  filename: string;
  contentType: string;
  size: number;
  sha256?: string | undefined;
  /** How the file is staged; `auto` goes by its size. */
  mode?: 'auto' | 'single' | 'multipart' | undefined;
  /** By which route it came, where that is not `POST /v1/uploads`. */
  source?: Upload['source'];
};

/** What an upload begins with, once it is allowed. */
export type Draft = Omit<NewUpload, 'id' | 'sentName' | 'multipart'> & {
  /** How the parts are cut: into so many bytes each, or as the client likes; absent for a single request. */
  cut?: { partSize?: number } | undefined;
};

/** The limits: sizes in bytes, the rest for each user. */
export type ConfiguredLimits = {
  multipartThresholdBytes: number;
  partSizeBytes: number;
  maxOpenUploads: number;
  uploadsPerMinute: number;
};

export type Limits = ConfiguredLimits & {
  /** The largest file that is taken, and the largest that becomes an attachment: one between them ends in a link. */
  maxFileBytes: number;
  maxAttachmentBytes: number;
  oversize: 'refuse' | 'link';
  /** How long the file of a link is kept; absent while linking is off. */
  linkedFileDays: number | undefined;
  stagingUrlTtlSeconds: number;
  uploadDeadlineSeconds: number;
  /** Whether files go on to IPD at the moment; uploads are taken all the same. */
  breaker: { state: BreakerView['state']; retryAfterSeconds?: number };
};

/** The key found an upload that is delivered. `attachmentGone`: IPD has had its attachment, and has it no more. */
export type Replay = { replayed: true; attachmentGone: true | undefined };

export type Intake = ReturnType<typeof createIntake>;

export function createIntake(deps: {
  ledger: Ledger;
  idempotencyKeys: IdempotencyKeys;
  multipart: Multipart;
  breaker: Breaker;
  preflight: Preflight;
  quota: Quota;
  clock: Clock;
  policy: Policy;
  limits: ConfiguredLimits;
  /** Undefined while linking is off. */
  linkedFileDays: number | undefined;
  stagingUrlTtlSeconds: number;
}) {
  const {
    ledger,
    idempotencyKeys,
    multipart,
    breaker,
    preflight,
    quota,
    clock,
    policy,
    limits: configured,
    linkedFileDays,
  } = deps;

  /**
   * A new upload, or the earlier one that the same owner made with the same key (`created` is false). Throws
   * `project_forbidden`, `file_too_large`, `idempotency_key_reused`, `too_many_open_uploads`, `rate_limited` and,
   * after a check of the work item, `work_item_missing`, `work_item_full`, `ipd_forbidden`.
   */
  async function create(
    caller: Caller,
    request: UploadRequest,
    key?: string,
  ): Promise<{ created: boolean; upload: Upload }> {
    checkProject(caller, request, '/projectId');
    const largest = await checkSize(request);
    const fresh = { uploadId: clock.uuid(), fingerprint: fingerprintOf(request) };
    const bound = key === undefined ? undefined : await idempotencyKeys.findKey(caller.owner, key);
    const earlier = bound && (await ledger.find(bound.uploadId));
    if (bound !== undefined && bound.fingerprint !== fresh.fingerprint) throw reused();
    if (earlier !== undefined && !mayStartAnew(earlier)) return { created: false, upload: earlier };
    await quota.takeUpload(caller.owner);
    const { isFull } = await preflight.checkWorkItem(request);
    // One key, one attachment: a late file or a retry must not revive the earlier upload.
    if (earlier !== undefined) {
      const { changed, upload } = await ledger.change(earlier, (before) =>
        lifecycle.cancel(before, { now: clock.now() }),
      );
      if (!changed) return { created: false, upload };
    }

    // A key without a record is a creation that was interrupted: it goes on under the id that the key is bound to.
    const winner =
      key === undefined
        ? fresh
        : await idempotencyKeys.bindKey(caller.owner, key, { ...fresh, instead: earlier?.id });
    if (winner.fingerprint !== fresh.fingerprint) throw reused();
    const { mode: _mode, ...about } = request;
    const { owner, uploadedBy, requestId: correlationId } = caller;
    const asLink = whyLink(request, { largest, isFull });
    const draft = { ...about, owner, uploadedBy, correlationId, asLink, cut: cutFor(request) };
    return begin(draft, winner.uploadId);
  }

  /** What a caller should know of an upload that its key found: nothing, unless it is delivered already. */
  async function replayOf(upload: Upload): Promise<Replay | undefined> {
    if (upload.status !== 'delivered') return undefined;
    return { replayed: true, attachmentGone: (await preflight.isAttachmentGone(upload)) || undefined };
  }

  /**
   * Begins the multipart upload of an allowed upload, then writes the record. If a crash comes between, no client has
   * a URL for what is left in storage.
   */
  async function begin(
    { cut, ...about }: Draft,
    id = clock.uuid(),
  ): Promise<{ created: boolean; upload: Upload }> {
    const key = stagingKey(id);
    const uploadId = cut && (await multipart.begin({ key, contentType: about.contentType }));
    const upload = lifecycle.createUpload(
      {
        ...about,
        id,
        sentName: normalName(about.filename),
        multipart: uploadId === undefined ? undefined : { uploadId, ...cut },
      },
      { now: clock.now(), policy },
    );
    const added = await ledger.add(upload);
    if (uploadId !== undefined && uploadId !== added.upload.multipart?.uploadId) {
      await multipart.abort({ key, uploadId });
    }
    return added;
  }

  /** What a caller should know before sending data. */
  async function limits(): Promise<Limits> {
    const view = await breaker.view();
    const wait =
      view.state === 'closed'
        ? {}
        : { retryAfterSeconds: Math.max(Math.ceil((view.until - clock.now()) / 1000), 0) };
    const { attached, taken } = await preflight.largestFile();
    return {
      maxFileBytes: taken,
      maxAttachmentBytes: attached,
      oversize: linkedFileDays === undefined ? 'refuse' : 'link',
      linkedFileDays,
      ...configured,
      stagingUrlTtlSeconds: deps.stagingUrlTtlSeconds,
      uploadDeadlineSeconds: policy.uploadDeadlineMs / 1000,
      breaker: { state: view.state, ...wait },
    };
  }

  async function checkSize(request: UploadRequest): Promise<Largest> {
    const largest = await preflight.largestFile(request);
    if (request.size > largest.taken)
      throw tooLarge(request.size, { largest: largest.taken, pointer: '/size' });
    return largest;
  }

  function cutFor({ mode = 'auto', size }: UploadRequest): Draft['cut'] {
    const isMultipart = mode === 'auto' ? size > configured.multipartThresholdBytes : mode === 'multipart';
    return isMultipart ? { partSize: partSizeFor(size, configured.partSizeBytes) } : undefined;
  }

  return { create, replayOf, begin, limits };
}

/** `pointer`: where the request names the project, if it does. Throws `project_forbidden`. */
export function checkProject(caller: Caller, { projectId }: WorkItem, pointer?: string): void {
  if (caller.projects === '*' || caller.projects.includes(projectId)) return;
  const detail = 'is not among the projects that are open to you';
  throw new AppError('project_forbidden', `project ${projectId} is not open to you`, {
    places: pointer === undefined ? [] : [{ pointer, detail }],
  });
}

export function tooLarge(size: number, { largest, pointer }: { largest: number; pointer: string }): AppError {
  return new AppError('file_too_large', `the file has ${size} bytes; at most ${largest} are taken`, {
    places: [{ pointer, detail: `must be at most ${largest}` }],
  });
}

/** Why the file is to end in a link, as far as that can be said before it is there. */
function whyLink(
  { size }: UploadRequest,
  { largest, isFull }: { largest: Largest; isFull: boolean },
): Upload['asLink'] {
  if (size > largest.attached) return 'too_large';
  return isFull ? 'work_item_full' : undefined;
}

/** The file never came to IPD and never will, or was taken back: the same key may begin a new upload. */
function mayStartAnew(upload: Upload): boolean {
  return upload.status === 'removed' || (isFinal(upload) && !mayBeInIpd(upload));
}

function fingerprintOf(request: UploadRequest): string {
  const { projectId, issueId, filename, contentType, size, sha256, mode = 'auto' } = request;
  const parts = [projectId, issueId, filename, contentType, size, sha256, mode];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function reused(): AppError {
  return new AppError(
    'idempotency_key_reused',
    'the Idempotency-Key belongs to another request; take a new key',
    {
      places: [{ pointer: 'header:Idempotency-Key', detail: 'already used with another body' }],
    },
  );
}
