/**
 * What a caller can ask of uploads: create, look, re-sign, cancel, limits. Decides who may do what;
 * knows nothing of HTTP. Another owner's upload is as absent as one that never was.
 */
import { createHash } from 'node:crypto';
import type { Breaker, BreakerView } from './breaker.ts';
import type { Clock } from './clock.ts';
import { AppError } from './errors.ts';
import { LIST_LIMIT } from './ipd/client.ts';
import type { IpdClient } from './ipd/client.ts';
import { normalName } from './ipd/form.ts';
import type { Ledger } from './ledger.ts';
import type { Queue } from './queue.ts';
import type { SignedRequest, Staging } from './staging.ts';
import type { Telemetry } from './telemetry.ts';
import * as moves from './moves.ts';
import { isFinal, mayBeInIpd, stagingKey } from './upload.ts';
import type { Policy, Upload } from './upload.ts';

/** Who calls: the owner of what is created, and the projects that the token opens ('*' is all). */
export type Caller = { owner: string; projects: readonly string[] | '*' };

/** A checked request for an upload; `size` in bytes, `sha256` in hex. */
export type UploadRequest = {
  projectId: string;
  issueId: string;
  filename: string;
  contentType: string;
  size: number;
  sha256?: string | undefined;
};

export type Limits = {
  maxFileBytes: number;
  stagingUrlTtlSeconds: number;
  uploadDeadlineSeconds: number;
  /** Whether files go on to IPD at the moment; uploads are taken all the same. */
  breaker: { state: BreakerView['state']; retryAfterSeconds?: number };
};

export type Intake = ReturnType<typeof createIntake>;

/** The user waits: a work item that cannot be looked at in this time is taken to be all right. */
const PREFLIGHT_MS = 2_000;
/** The name and type that leave the least room for a file. */
const LONGEST = { filename: '\u{1F4CE}'.repeat(200), contentType: `x/${'x'.repeat(253)}` };
/** Nothing else is looked for: the ledger's keys have a largest length. */
const UPLOAD_ID = /^[0-9a-f-]{36}$/;

export function createIntake(parts: {
  ledger: Ledger;
  staging: Staging;
  queue: Queue;
  breaker: Breaker;
  /** Absent where no IPD secret is held: then there is no look before the upload. */
  ipd?: (() => Promise<IpdClient>) | undefined;
  preflight: boolean;
  clock: Clock;
  policy: Policy;
  maxFileBytes: number;
  stagingUrlTtlSeconds: number;
  telemetry: Telemetry;
}) {
  const { ledger, staging, queue, breaker, ipd, clock, policy, telemetry } = parts;

  /**
   * A new upload, or the earlier one that the same owner made with the same key (`created` is false).
   * Throws `project_forbidden`, `file_too_large`, `idempotency_key_reused` and, after a look at the
   * work item, `work_item_missing`, `work_item_full`, `ipd_forbidden`.
   */
  async function create(
    caller: Caller,
    request: UploadRequest,
    key?: string,
  ): Promise<{ created: boolean; upload: Upload }> {
    if (caller.projects !== '*' && !caller.projects.includes(request.projectId)) {
      throw new AppError('project_forbidden', `project ${request.projectId} is not open to you`, {
        places: [{ pointer: '/projectId', detail: 'is not among the projects that are open to you' }],
      });
    }
    await checkSize(request);
    const fresh = { uploadId: clock.uuid(), fingerprint: fingerprintOf(request) };
    const bound = key === undefined ? undefined : await ledger.findKey(caller.owner, key);
    const earlier = bound && (await ledger.find(bound.uploadId));
    if (bound !== undefined && bound.fingerprint !== fresh.fingerprint) throw reused();
    if (earlier !== undefined && !mayStartAnew(earlier)) return { created: false, upload: earlier };
    await checkWorkItem(request);
    // One key, one attachment: a late file or a retry must not bring the earlier one back.
    if (earlier !== undefined) {
      const { changed, upload } = await ledger.change(earlier, (before) =>
        moves.cancel(before, { now: clock.now() }),
      );
      if (!changed) return { created: false, upload };
    }

    // A key without a record is a creation that was interrupted: it goes on under the id that the key is bound to.
    const winner =
      key === undefined ? fresh : await ledger.bindKey(caller.owner, key, { ...fresh, instead: earlier?.id });
    if (winner.fingerprint !== fresh.fingerprint) throw reused();
    const upload = moves.createUpload(
      { ...request, id: winner.uploadId, owner: caller.owner, sentName: normalName(request.filename) },
      { now: clock.now(), policy },
    );
    const added = await ledger.add(upload);
    if (added.created) {
      telemetry.info('upload created', { uploadId: upload.id, bytes: upload.size, issueId: upload.issueId });
    }
    return added;
  }

  /** The caller's upload. Throws `not_found`, also for another owner's. */
  async function find(caller: Caller, id: string): Promise<Upload> {
    const upload = UPLOAD_ID.test(id) ? await ledger.find(id) : undefined;
    if (upload === undefined || upload.owner !== caller.owner) {
      throw new AppError('not_found', `you have no upload ${id}`);
    }
    return upload;
  }

  /** A fresh staging URL while the file is awaited; undefined when it is not. */
  async function sign(upload: Upload): Promise<SignedRequest | undefined> {
    if (upload.status !== 'awaiting_upload') return undefined;
    const secondsLeft = Math.floor((Date.parse(upload.uploadDeadline) - clock.now()) / 1000);
    if (secondsLeft <= 0) return undefined;
    return staging.presignPut({
      key: stagingKey(upload.id),
      size: upload.size,
      contentType: upload.contentType,
      sha256: upload.sha256,
      expiresInSeconds: Math.min(parts.stagingUrlTtlSeconds, secondsLeft),
    });
  }

  /** Fresh URLs for what is missing. Throws `upload_state_conflict` when nothing is. */
  async function resign(caller: Caller, id: string): Promise<{ upload: Upload; signed: SignedRequest }> {
    const upload = await find(caller, id);
    const signed = await sign(upload);
    if (signed === undefined) {
      throw new AppError(
        'upload_state_conflict',
        `the upload is ${upload.status}: no file is awaited any more`,
      );
    }
    return { upload, signed };
  }

  /** Takes an upload back and removes its file. Throws `upload_state_conflict` once IPD may have it. */
  async function cancel(caller: Caller, id: string): Promise<Upload> {
    const found = await find(caller, id);
    const { changed, upload } = await ledger.change(found, (before) =>
      moves.cancel(before, { now: clock.now() }),
    );
    if (!changed) {
      throw new AppError(
        'upload_state_conflict',
        `the upload is ${upload.status}: IPD has the file or may have it`,
      );
    }
    await staging.remove(stagingKey(id));
    telemetry.info('upload cancelled', { uploadId: id });
    return upload;
  }

  /**
   * Tries a failed upload again; one in doubt is looked for first. Throws `upload_state_conflict` when it has not
   * failed or its staged file is gone.
   */
  async function retry(caller: Caller, id: string): Promise<Upload> {
    const found = await find(caller, id);
    const isThere = found.status === 'failed' && (await staging.look(stagingKey(id))) !== undefined;
    const { changed, upload } = isThere
      ? await ledger.change(found, (before) => moves.retry(before, { now: clock.now(), policy }))
      : { changed: false, upload: found };
    if (!changed) {
      const why =
        upload.status === 'failed' ? 'its file is gone: upload it again' : `the upload is ${upload.status}`;
      throw new AppError('upload_state_conflict', `only a failed upload can be tried again; ${why}`);
    }
    await queue.send({ uploadId: id, attempt: upload.attempts + 1 });
    telemetry.info('upload retried', { uploadId: id, status: upload.status });
    return upload;
  }

  /** What a caller should know before spending data; sizes in bytes. */
  async function limits(): Promise<Limits> {
    const { state, until } = await breaker.view();
    const wait =
      until === undefined ? {} : { retryAfterSeconds: Math.max(Math.ceil((until - clock.now()) / 1000), 0) };
    return {
      maxFileBytes: await largestFile(LONGEST),
      stagingUrlTtlSeconds: parts.stagingUrlTtlSeconds,
      uploadDeadlineSeconds: policy.uploadDeadlineMs / 1000,
      breaker: { state, ...wait },
    };
  }

  async function checkSize(request: UploadRequest): Promise<void> {
    const largest = await largestFile(request);
    if (request.size <= largest) return;
    throw new AppError('file_too_large', `the file has ${request.size} bytes; at most ${largest} are taken`, {
      places: [{ pointer: '/size', detail: `must be at most ${largest}` }],
    });
  }

  async function largestFile(file: { filename: string; contentType: string }): Promise<number> {
    const client = await reachIpd();
    return Math.min(parts.maxFileBytes, client?.largestFile(file) ?? parts.maxFileBytes);
  }

  /** Tells a hopeless upload before the user pays for data. Whatever keeps us from looking lets it pass. */
  async function checkWorkItem(request: UploadRequest): Promise<void> {
    if (!parts.preflight || (await breaker.view()).state !== 'closed') return;
    const client = await reachIpd();
    if (client === undefined) return;
    const listed = await client.list(request, clock.timeout(PREFLIGHT_MS));
    if (!('kind' in listed)) {
      if (listed.attachments.length < LIST_LIMIT) return;
      throw new AppError(
        'work_item_full',
        `work item ${request.issueId} holds ${LIST_LIMIT} attachments already`,
      );
    }
    if (listed.kind !== 'refused') {
      telemetry.warn('pre-flight passed without an answer', { code: listed.kind, detail: listed.detail });
      return;
    }
    if (
      listed.code === 'work_item_missing' ||
      listed.code === 'work_item_full' ||
      listed.code === 'ipd_forbidden'
    ) {
      throw new AppError(
        listed.code,
        `IPD refuses work item ${request.issueId} of project ${request.projectId}: ${listed.detail}`,
      );
    }
    telemetry.warn('pre-flight refused for a reason that is not the work item', {
      code: listed.code,
      detail: listed.detail,
    });
  }

  /** Undefined where there is no IPD secret, or none that can be read now: an upload is not refused for that. */
  async function reachIpd(): Promise<IpdClient | undefined> {
    try {
      return await ipd?.();
    } catch (error) {
      telemetry.error('the IPD credentials cannot be read', error);
      return undefined;
    }
  }

  return { create, find, sign, resign, cancel, retry, limits };
}

/** The file never came to IPD and never will: the same key may try anew. */
function mayStartAnew(upload: Upload): boolean {
  return isFinal(upload) && !mayBeInIpd(upload);
}

function fingerprintOf(request: UploadRequest): string {
  const { projectId, issueId, filename, contentType, size, sha256 } = request;
  const parts = [projectId, issueId, filename, contentType, size, sha256 ?? null];
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
