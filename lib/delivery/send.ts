/**
 * Sends one file to IPD: reads it from staging, counts and hashes it, and stops at the fence until the ledger has
 * recorded that IPD may have the file from now on. Does not decide what follows from the answer.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../domain/errors.ts';
import type { IpdClient, Stored } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';
import type { Reading } from './reconcile.ts';
import { safeName } from '../ipd/form.ts';
import type { Sink } from '../runtime/stream.ts';
import type { Ledger, Transition } from '../ledger/uploads.ts';
import * as attempts from '../domain/attempts.ts';
import type { OpenedFile, Staging } from '../storage/staged-files.ts';
import { stagingKey } from '../domain/upload.ts';
import type { Delivering } from '../domain/upload.ts';

/** How long this run may take: `killedAt` is when the function is killed, `signal` ends the work a margin earlier. */
export type Run = { killedAt: number; signal: AbortSignal };

/** One try within a run, and the file if that was opened before it may be sent. */
export type Round = Run & { opened?: OpenedFile };

export type Sending = ReturnType<typeof createSending>;

type Sent = Stored | Failure;

/** What the work item had before anything was sent. */
type First = Pick<Reading, 'baseline' | 'isBaselineNull'>;

/**
 * Time that the lease must have left at the fence: 20 s for IPD to answer (then the run's signal has aborted and the
 * upload is in doubt), 10 s to record the outcome, 5 s by which the lease outlives the function.
 */
export const FENCE_MARGIN_MS = 35_000;
const PROGRESS_EVERY_MS = 5_000;

export function createSending({
  ledger,
  staging,
  clock,
}: {
  ledger: Ledger;
  staging: Staging;
  clock: Clock;
}) {
  /** Sends the file. Sends it again at once if a fresh token or a plainer name can solve the refusal. */
  async function send(
    client: IpdClient,
    upload: Delivering,
    { round, ...first }: { round: Round } & First,
  ): Promise<Sent> {
    let filename = upload.sentName;
    let hasFreshToken = false;
    for (;;) {
      const fenced = createFencedFile(upload, { round, ...first });
      const result = await client.upload({ ...upload, ...fenced, filename, signal: round.signal });
      if (result.kind === 'stored' || result.kind === 'unconfirmed') return result;
      const plainer = safeName(upload.filename);
      const isNameRefused =
        result.kind === 'refused' && result.code === 'name_refused' && filename !== plainer;
      const isTokenDead = result.kind === 'token_dead' && !hasFreshToken;
      if (isNameRefused) filename = plainer;
      if (isTokenDead) hasFreshToken = true;
      await withdrawFence(upload, filename);
      if (!isNameRefused && !isTokenDead) return result;
    }
  }

  /** The source of the staged bytes, and the fence after them. */
  function createFencedFile(upload: Delivering, { round, ...first }: { round: Round } & First) {
    const { token } = upload.lease;
    const isHashed = upload.sha256 !== undefined || upload.resent === true;
    const hash = isHashed ? createHash('sha256') : undefined;

    /** Passes the bytes on, counts them, hashes them if the hash is needed, and records progress every few seconds. */
    async function file(sink: Sink, exchange: AbortSignal): Promise<void> {
      let bytesSent = 0;
      let noted = clock.now();
      const { opened } = round;
      const { etag, size } = upload;
      const signal = AbortSignal.any([round.signal, exchange]);
      await staging.read({ key: stagingKey(upload.id), etag, size, signal, opened }, (chunk) => {
        bytesSent += chunk.length;
        hash?.update(chunk);
        const room = sink(chunk);
        if (clock.now() - noted < PROGRESS_EVERY_MS) return room;
        noted = clock.now();
        return Promise.all([room, recordProgress(bytesSent)]).then(() => undefined);
      });
      if (bytesSent !== size) throw new AppError('size_mismatch', `${bytesSent} bytes came from storage`);
    }

    const recordProgress = (bytesSent: number): Promise<void> =>
      changeUnderLease(upload, (before) => attempts.recordProgress(before, { token, bytesSent }));

    /**
     * One conditional write records that IPD may have the file from now on. If it fails, the closing boundary is not
     * sent.
     */
    async function fence(): Promise<void> {
      const sentSha256 = hash?.digest('hex');
      if (upload.sha256 !== undefined && sentSha256 !== upload.sha256) {
        throw new AppError('checksum_mismatch', 'the SHA-256 of the staged file is not the declared one');
      }
      const marginMs = FENCE_MARGIN_MS;
      await changeUnderLease(upload, (before) =>
        attempts.startSending(before, { token, now: clock.now(), marginMs, ...first, sentSha256 }),
      );
      // A run that this write delayed too long must stop: another run may take over the upload.
      if (clock.now() >= Date.parse(upload.lease.until) - marginMs) {
        throw new AppError(
          'lease_lost',
          'the lease ended behind the fence, before the boundary was released',
        );
      }
    }

    return { file, fence };
  }

  /** IPD refused before it stored anything: withdraws the record of the fence. */
  async function withdrawFence(upload: Delivering, sentName: string): Promise<void> {
    const { token } = upload.lease;
    await changeUnderLease(upload, (before) => attempts.withdrawFence(before, { token, sentName }));
  }

  async function changeUnderLease(upload: Delivering, transition: Transition): Promise<void> {
    const { changed } = await ledger.change(upload.id, transition);
    if (!changed)
      throw new AppError('lease_lost', 'the upload was taken away, or its lease ended, during the delivery');
  }

  return { send };
}
