/**
 * For an unmodified Uppy, without our code in the page: a session gives a ticket, and a client that has the
 * ticket may stage files for one work item until the session ends. Uppy never tells a file's size, so the sizes that
 * storage counts decide.
 * https://uppy.io/docs/aws-s3/
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Arrivals, NamedPart } from './stage.ts';
import type { Ticket, Tickets } from '../ledger/tickets.ts';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../domain/errors.ts';
import { checkProject, tooLarge } from './create.ts';
import type { Caller, Draft, Intake } from './create.ts';
import type { Multipart } from '../storage/multipart.ts';
import type { StoredPart } from '../domain/parts.ts';
import type { Preflight } from './preflight.ts';
import type { Quota } from '../pacing/quota.ts';
import type { SignedForm, Signing } from '../storage/presigning.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { stagingKey } from '../domain/upload.ts';
import type { Upload, WorkItem } from '../domain/upload.ts';
import { incomplete } from './manage.ts';
import type { Uploads } from './manage.ts';

/** A checked request for a session; sizes in bytes. Without files, the session is good for a few of any size. */
export type SessionRequest = WorkItem & {
  files?: { name: string; type: string; size: number }[] | undefined;
};

export type Session = {
  ticket: string;
  expiresInSeconds: number;
  maxFileBytes: number;
  maxFiles: number;
};

/** A file as Uppy announces it. */
export type UppyFile = { filename: string; type: string };

/** One of the ticket's uploads, as Uppy names it. */
export type Reference = { uploadId: string; key: string };

/** Files of a session that names none. */
const USUAL_FILES = 20;
/** A file that the user retries in Uppy begins a new upload. */
const STARTS_PER_FILE = 3;
/** Uppy asks for the URL of a part before it sends the part, and never again when it has expired. */
const LONGEST_URL_SECONDS = 3_600;

export function createUppy(deps: {
  tickets: Tickets;
  intake: Intake;
  uploads: Uploads;
  arrivals: Arrivals;
  preflight: Preflight;
  quota: Quota;
  signing: Signing;
  multipart: Multipart;
  clock: Clock;
  sessionTtlSeconds: number;
  stagingUrlTtlSeconds: number;
  /** What every part but the last has at least. */
  leastPartBytes: number;
  telemetry: Telemetry;
}) {
  const { tickets, intake, uploads, arrivals, preflight, quota, signing, multipart, clock, telemetry } = deps;
  const expires = Math.min(deps.stagingUrlTtlSeconds, LONGEST_URL_SECONDS);

  /**
   * Throws what `intake.create` throws, and `invalid_request` for more files than the quota allows, since Uppy
   * cannot explain a later error to the user.
   */
  async function open(caller: Caller, request: SessionRequest): Promise<Session> {
    checkProject(caller, request, '/projectId');
    const { projectId, issueId, files } = request;
    for (const [index, { name, type, size }] of (files ?? []).entries()) {
      const { taken: largest } = await preflight.largestFile({ filename: name, contentType: type });
      if (size > largest) throw tooLarge(size, { largest, pointer: `/files/${index}/size` });
    }
    await quota.takeSession(caller.owner, files?.length ?? 1);
    await preflight.checkWorkItem(request);
    const maxFiles = files?.length ?? USUAL_FILES;
    const maxFileBytes =
      files === undefined
        ? (await preflight.largestFile()).taken
        : Math.max(...files.map(({ size }) => size));
    const ticket = `tk_${randomBytes(32).toString('base64url')}`;
    await tickets.addTicket(hashOf(ticket), {
      owner: caller.owner,
      uploadedBy: caller.uploadedBy,
      projectId,
      issueId,
      maxFileBytes,
      maxUploads: maxFiles * STARTS_PER_FILE,
      begun: 0,
      until: clock.now() + deps.sessionTtlSeconds * 1000,
    });
    telemetry.info('uppy session opened', { issueId, files: maxFiles });
    return { ticket, expiresInSeconds: deps.sessionTtlSeconds, maxFileBytes, maxFiles };
  }

  /** Begins an upload by one form. */
  async function form(
    secret: string,
    file: UppyFile,
    requestId?: string,
  ): Promise<SignedForm & { expires: number }> {
    const { id, contentType, maxSize = 0 } = await begin(secret, { ...file, requestId });
    const about = { key: stagingKey(id), maxBytes: maxSize, contentType };
    return { ...(await signing.postForm({ ...about, expiresInSeconds: expires })), expires };
  }

  /** Begins an upload by parts. The id that Uppy gets is the upload's: S3's own may break in a URL's path. */
  async function beginParts(secret: string, file: UppyFile, requestId?: string): Promise<Reference> {
    const { id } = await begin(secret, { ...file, requestId }, {});
    return { uploadId: id, key: stagingKey(id) };
  }

  /** Throws `file_too_large` for a part that begins where no file of the session can reach. */
  async function signPart(secret: string, part: Reference & { number: number }) {
    const { upload, ticket, target } = await find(secret, part);
    if (upload.status !== 'awaiting_upload') throw ended(upload);
    const most = Math.ceil(ticket.maxFileBytes / deps.leastPartBytes);
    if (part.number > most) {
      const message = `part ${part.number} begins beyond the ${ticket.maxFileBytes} bytes that the session allows`;
      const places = [{ pointer: 'path:partNumber', detail: `must be at most ${most}` }];
      throw new AppError('file_too_large', message, { places });
    }
    const url = await signing.partUrl({ ...target, number: part.number, expiresInSeconds: expires });
    return { url, expires };
  }

  async function listParts(secret: string, reference: Reference): Promise<StoredPart[]> {
    const { upload, target } = await find(secret, reference);
    const stored = upload.status === 'awaiting_upload' ? await multipart.list(target) : undefined;
    if (stored === undefined) throw ended(upload);
    return stored;
  }

  /**
   * Uppy takes an answer for success: it means that the file has arrived, not that it is delivered. Throws
   * `upload_incomplete`, `file_too_large` where storage got more than the session allows, and `upload_state_conflict`
   * when it was cancelled or has expired.
   */
  async function complete(secret: string, reference: Reference, named: NamedPart[]): Promise<Upload> {
    const { upload, ticket } = await find(secret, reference);
    const isAwaited = upload.status === 'awaiting_upload';
    const checked = isAwaited ? await arrivals.check(upload, named) : { upload, missing: [] };
    if (checked.missing.length > 0) throw incomplete(checked.missing);
    const { status, etag, lastError } = checked.upload;
    if (status === 'cancelled' || status === 'expired') throw ended(checked.upload);
    if (status === 'failed' && etag === undefined) {
      throw new AppError(
        'file_too_large',
        `at most ${ticket.maxFileBytes} bytes are taken; ${lastError?.detail ?? ''}`,
      );
    }
    return checked.upload;
  }

  /** Cancels an upload. Throws `upload_state_conflict` once IPD may have it. */
  async function abort(secret: string, reference: Reference): Promise<void> {
    const { upload, ticket } = await find(secret, reference);
    await uploads.cancel({ owner: ticket.owner, projects: '*' }, upload.id);
  }

  async function begin(
    secret: string,
    { filename, type, requestId }: UppyFile & { requestId: string | undefined },
    cut?: Draft['cut'],
  ): Promise<Upload> {
    const { hash, ticket } = await read(secret);
    const { owner, uploadedBy, projectId, issueId, maxFileBytes } = ticket;
    await quota.takeUploadOfSession(owner);
    if (!(await tickets.useTicket(hash))) throw invalid();
    const { attached } = await preflight.largestFile({ filename, contentType: type });
    const { upload } = await intake.begin({
      owner,
      uploadedBy,
      projectId,
      issueId,
      filename,
      contentType: type,
      session: hash,
      correlationId: requestId,
      size: 0,
      maxSize: maxFileBytes,
      mostAttached: maxFileBytes > attached ? attached : undefined,
      cut,
    });
    return upload;
  }

  /** An upload that this ticket began by parts. Throws `ticket_invalid`, and `not_found` for any other. */
  async function find(secret: string, { uploadId, key }: Reference) {
    const { hash, ticket } = await read(secret);
    const caller: Caller = { owner: ticket.owner, projects: '*' };
    const upload = await uploads.find(caller, uploadId);
    const begun = upload.multipart;
    if (upload.session !== hash || key !== stagingKey(upload.id) || begun === undefined) {
      throw new AppError('not_found', `this session has no upload ${uploadId} under this key`);
    }
    return { upload, ticket, target: { key, uploadId: begun.uploadId } };
  }

  async function read(secret: string): Promise<{ hash: string; ticket: Ticket }> {
    const hash = hashOf(secret);
    const ticket = await tickets.findTicket(hash);
    if (ticket === undefined || clock.now() >= ticket.until) throw invalid();
    return { hash, ticket };
  }

  return { open, form, beginParts, signPart, listParts, complete, abort };
}

/** The stored form of a ticket: a reader of the table cannot use it. */
function hashOf(ticket: string): string {
  return createHash('sha256').update(ticket).digest('hex');
}

function invalid(): AppError {
  return new AppError('ticket_invalid', 'the upload session is over, or was never opened: open a new one');
}

function ended(upload: Upload): AppError {
  return new AppError('upload_state_conflict', `the upload is ${upload.status}: no part is awaited any more`);
}
