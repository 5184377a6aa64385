/**
 * IPD's own upload call in one go: stage a small file, ask for its delivery, wait for the end. Never calls IPD: the
 * delivery does, so exactly one attachment is the promise here, too.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import type { Caller, Intake } from './create.ts';
import type { Ledger } from '../ledger/uploads.ts';
import type { Queue } from '../messaging/queue.ts';
import type { Staging } from '../storage/staged-files.ts';
import * as lifecycle from '../domain/lifecycle.ts';
import { isFinal, stagingKey } from '../domain/upload.ts';
import type { Policy, Upload, WorkItem } from '../domain/upload.ts';

/** The waits between two reads of the record: each is longer, up to the longest. */
const POLL_DELAYS_MS = { first: 150, longest: 1_000, growth: 1.4 };

export function createAttach(deps: {
  intake: Intake;
  ledger: Ledger;
  staging: Staging;
  queue: Queue;
  clock: Clock;
  policy: Policy;
}) {
  const { intake, ledger, staging, queue, clock, policy } = deps;

  /** The upload as it is when it has ended or `until` (milliseconds) has come. Throws what `intake.create` throws. */
  async function attach(
    caller: Caller,
    file: WorkItem & { filename: string; contentType: string; bytes: Buffer },
    { key, until }: { key?: string | undefined; until: number },
  ): Promise<Upload> {
    const { bytes, ...rest } = file;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const { upload } = await intake.create(
      caller,
      { ...rest, size: bytes.length, sha256, mode: 'single', source: { kind: 'attach' } },
      key,
    );
    if (upload.status === 'awaiting_upload') await stage(upload, bytes);
    return wait(upload, until);
  }

  /**
   * S3's event for the object would start the delivery, too; our message is faster. The second of the two is a no-op.
   */
  async function stage(upload: Upload, bytes: Buffer): Promise<void> {
    const key = stagingKey(upload.id);
    const object = await staging.store({ key, body: bytes, contentType: upload.contentType });
    const { upload: staged } = await ledger.change(upload, (before) =>
      lifecycle.stage(before, object, { now: clock.now(), policy }),
    );
    if (staged.status === 'staged') {
      await queue.send({ uploadId: upload.id, attempt: staged.attempts + 1, isArrival: true });
    }
  }

  async function wait(upload: Upload, until: number): Promise<Upload> {
    let pause = POLL_DELAYS_MS.first;
    let current = upload;
    while (!isFinal(current) && clock.now() + pause < until) {
      await clock.sleep(pause);
      pause = Math.min(pause * POLL_DELAYS_MS.growth, POLL_DELAYS_MS.longest);
      current = (await ledger.find(upload.id)) ?? current;
    }
    return current;
  }

  return { attach };
}
