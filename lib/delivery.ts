/**
 * The use case: one staged file becomes one IPD attachment. Claims the upload, streams the file,
 * passes the fence, interprets the answer and writes it down. Takes one upload at a time and never
 * sends anything twice by itself: what was not surely refused is left in doubt.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { Clock } from './clock.ts';
import { AppError, isFailureCode, isSetbackCode } from './errors.ts';
import type { FailureCode, SetbackCode } from './errors.ts';
import { LIST_LIMIT } from './ipd/client.ts';
import type { IpdClient } from './ipd/client.ts';
import { safeName } from './ipd/form.ts';
import type { Ledger, Move } from './ledger.ts';
import type { Arrival, Request } from './queue.ts';
import type { Staging } from './staging.ts';
import type { Telemetry } from './telemetry.ts';
import * as moves from './upload.ts';
import type { Delivering, Policy, Upload } from './upload.ts';

/** How long this run may take: `killedAt` is when the function is killed, `signal` ends the work a margin earlier. */
export type Run = { killedAt: number; signal: AbortSignal };

/** What became of an attempt. */
type Outcome =
  | { kind: 'stored'; attachmentId: string | null }
  | { kind: 'doubt'; detail: string }
  | { kind: 'failed'; code: FailureCode; detail: string }
  | { kind: 'set_back'; code: SetbackCode; detail: string; counts: boolean; afterMs?: number | undefined };

/** The lease ends after the function is dead for sure. */
const LEASE_SLACK_MS = 5_000;
/** Time that must be left at the fence to hear IPD's answer and write it down. */
const FENCE_MARGIN_MS = 15_000;
const PROGRESS_EVERY_MS = 5_000;
/** Huawei's advice for a throttled call: wait 2 to 5 s. */
const THROTTLE_PAUSE_MS = { from: 2_000, spread: 3_000 };
/** With less than this left, a throttled delivery makes room instead of waiting in place. */
const PATIENCE_MS = 30_000;

export function createDelivery(parts: {
  ledger: Ledger;
  staging: Staging;
  ipd: () => Promise<IpdClient>;
  clock: Clock;
  policy: Policy;
  telemetry: Telemetry;
}) {
  const { ledger, staging, ipd, clock, policy, telemetry } = parts;

  /** Delivers what a queue message asked for, if it is still to be delivered. Rejects only when the ledger cannot be reached. */
  async function onRequest({ uploadId, attempt }: Request, run: Run): Promise<void> {
    const right = newClaim(run);
    await deliver(uploadId, right, run, (upload) => moves.claim(upload, { ...right, attempt }));
  }

  /** An object was created: delivers it if it is an upload's first news, removes it where nobody waits for it. */
  async function onArrival({ key, etag, size }: Arrival, run: Run): Promise<void> {
    const uploadId = moves.uploadIdOf(key);
    if (uploadId === undefined) {
      telemetry.warn('object under an unknown key ignored', { size });
      return;
    }
    const right = newClaim(run);
    const now = clock.now();
    const upload = await deliver(uploadId, right, run, (before) =>
      moves.claimArrival(before, { etag, size }, { ...right, now, policy }),
    );
    if (upload !== undefined && moves.isUnwanted(upload)) await staging.remove(key);
  }

  function newClaim(run: Run): moves.Claim {
    return { token: randomUUID(), until: run.killedAt + LEASE_SLACK_MS };
  }

  /** Claims, attempts, records. Answers with the record as it is afterwards, undefined when there is none. */
  async function deliver(id: string, right: moves.Claim, run: Run, claim: Move): Promise<Upload | undefined> {
    const before = await ledger.find(id);
    if (before === undefined) {
      telemetry.warn('message for an unknown upload ignored', { uploadId: id });
      return undefined;
    }
    const { upload } = await ledger.change(before, claim);
    if (upload.status !== 'delivering' || upload.lease.token !== right.token) return upload;
    const started = clock.now();
    telemetry.info('delivery started', { uploadId: id, attempt: upload.attempts, bytes: upload.size });
    const outcome = await attemptDelivery(upload, run);
    const after = await writeDown(upload, outcome);
    telemetry.info('delivery ended', {
      uploadId: id,
      attempt: upload.attempts,
      bytes: upload.size,
      status: after.status,
      code: after.error?.code,
      detail: after.error?.detail,
      durationMs: clock.now() - started,
    });
    if (after.status === 'delivered') await tidy(after);
    return after;
  }

  /** Tries until there is an outcome. A throttle uses no attempt: it is waited out in place while there is time. */
  async function attemptDelivery(upload: Delivering, run: Run): Promise<Outcome> {
    try {
      const client = await ipd().catch((cause: unknown) => {
        telemetry.error('the IPD credentials cannot be read', cause);
        throw new AppError('ipd_unavailable', 'the IPD credentials cannot be read', { cause });
      });
      for (;;) {
        const result = await send(client, upload, run);
        if (result.kind !== 'throttled') return toOutcome(result);
        const { from, spread } = THROTTLE_PAUSE_MS;
        const pause = Math.max(result.retryAfterMs ?? 0, from + clock.random() * spread);
        if (clock.now() + pause + PATIENCE_MS > run.killedAt) {
          return {
            kind: 'set_back',
            code: 'ipd_throttled',
            detail: result.detail,
            counts: false,
            afterMs: pause,
          };
        }
        await clock.sleep(pause, run.signal);
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const detail = error.message;
      if (isFailureCode(error.code)) return { kind: 'failed', code: error.code, detail };
      if (isSetbackCode(error.code)) return { kind: 'set_back', code: error.code, detail, counts: true };
      throw error;
    }
  }

  /** Looks at the work item, then sends the file; again at once after a refusal that a fresh token or a plainer name heals. */
  async function send(client: IpdClient, upload: Delivering, run: Run): ReturnType<IpdClient['upload']> {
    const listed = await client.list(upload, run.signal);
    if ('kind' in listed) return listed.kind === 'ambiguous' ? { ...listed, kind: 'unavailable' } : listed;
    if (listed.attachments.length >= LIST_LIMIT) {
      return {
        kind: 'refused',
        code: 'work_item_full',
        detail: `${LIST_LIMIT} attachments are there already`,
      };
    }
    let filename = upload.sentName;
    let freshToken = false;
    for (;;) {
      const result = await client.upload({
        ...upload,
        filename,
        file: watched(upload, run),
        fence: () => fence(upload),
        signal: run.signal,
      });
      const plainer = safeName(upload.filename);
      if (result.kind === 'token_dead' && !freshToken) freshToken = true;
      else if (result.kind === 'refused' && result.code === 'name_refused' && filename !== plainer)
        filename = plainer;
      else {
        if (result.kind === 'throttled') await takeBack(upload, filename);
        return result;
      }
      await takeBack(upload, filename);
    }
  }

  /** The staged bytes on their way to IPD: counted, hashed when the client declared a hash, reported every few seconds. */
  async function* watched(upload: Delivering, run: Run): AsyncGenerator<Uint8Array> {
    const hash: Hash | undefined = upload.sha256 === undefined ? undefined : createHash('sha256');
    const { token } = upload.lease;
    let bytesSent = 0;
    let noted = clock.now();
    const key = moves.stagingKey(upload.id);
    for await (const chunk of staging.read({ key, etag: upload.etag, signal: run.signal })) {
      bytesSent += chunk.length;
      hash?.update(chunk);
      yield chunk;
      if (clock.now() - noted < PROGRESS_EVERY_MS) continue;
      noted = clock.now();
      const { changed } = await ledger.change(upload.id, (before) =>
        moves.noteProgress(before, { token, bytesSent }),
      );
      if (!changed) throw new AppError('lease_lost', 'the upload was taken away during the delivery');
    }
    if (bytesSent !== upload.size) {
      throw new AppError('storage_unavailable', `read ${bytesSent} of ${upload.size} bytes from storage`);
    }
    if (hash !== undefined && hash.digest('hex') !== upload.sha256) {
      throw new AppError('checksum_mismatch', 'the SHA-256 of the staged file is not the declared one');
    }
  }

  /** One conditional write says that IPD may have the file from here on; without it the boundary stays with us. */
  async function fence(upload: Delivering): Promise<void> {
    const { token } = upload.lease;
    const { changed } = await ledger.change(upload.id, (before) =>
      moves.startSending(before, { token, now: clock.now(), marginMs: FENCE_MARGIN_MS }),
    );
    if (!changed) throw new AppError('lease_lost', 'the lease had ended when the last byte was read');
  }

  /** IPD refused before it stored anything: the mark of the fence is void. */
  async function takeBack(upload: Delivering, sentName: string): Promise<void> {
    const { token } = upload.lease;
    const { changed } = await ledger.change(upload.id, (before) =>
      moves.takeBack(before, { token, sentName }),
    );
    if (!changed) throw new AppError('lease_lost', 'the lease had ended when IPD refused');
  }

  async function writeDown(upload: Delivering, outcome: Outcome): Promise<Upload> {
    const { token } = upload.lease;
    const now = clock.now();
    const { upload: after } = await ledger.change(upload.id, (before) => {
      switch (outcome.kind) {
        case 'stored':
          return moves.delivered(before, { attachmentId: outcome.attachmentId, now });
        case 'doubt':
          return moves.doubt(before, { token, detail: outcome.detail, now });
        case 'failed':
          return moves.fail(before, { ...outcome, token, now, policy });
        case 'set_back':
          return moves.setBack(before, { ...outcome, token, now, random: clock.random(), policy });
      }
    });
    return after;
  }

  /** Removes the staged file of a finished upload; what goes wrong here is left to the sweep. */
  async function tidy(upload: Upload): Promise<void> {
    try {
      await staging.remove(moves.stagingKey(upload.id));
      await ledger.change(upload, moves.cleaned);
    } catch (error) {
      telemetry.error('staged file not removed, the sweep will', error, { uploadId: upload.id });
    }
  }

  return { onRequest, onArrival };
}

function toOutcome(
  result: Exclude<Awaited<ReturnType<IpdClient['upload']>>, { kind: 'throttled' }>,
): Outcome {
  switch (result.kind) {
    case 'stored':
      return result;
    case 'refused':
      return { kind: 'failed', code: result.code, detail: result.detail };
    case 'ambiguous':
      return { kind: 'doubt', detail: result.detail };
    case 'unavailable':
    case 'token_dead':
      return { kind: 'set_back', code: 'ipd_unavailable', detail: result.detail, counts: true };
  }
}
