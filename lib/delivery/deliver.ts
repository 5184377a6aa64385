/**
 * The use case: one staged file becomes one attachment of IPD, or one link. Claims the upload, has a leg do what is to
 * be done in IPD (lib/delivery/leg.ts), and records the outcome. Takes one upload at a time.
 */
import * as attempts from '../domain/attempts.ts';
import { isWell } from '../domain/breaker.ts';
import type { BreakerView, Contact } from '../domain/breaker.ts';
import type { Breaker } from '../pacing/breaker.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Closing } from '../uploads/clean-up.ts';
import { AppError } from '../domain/errors.ts';
import type { FailureCode, RetryableFailureCode } from '../domain/errors.ts';
import type { IpdClient } from '../ipd/client.ts';
import type { Ledger } from '../ledger/uploads.ts';
import type { WorkItems } from '../ledger/work-items.ts';
import * as endings from '../domain/endings.ts';
import * as lifecycle from '../domain/lifecycle.ts';
import type { Comments } from './comment.ts';
import { NOT_ASKED } from './leg.ts';
import type { Leg } from './leg.ts';
import { outcomeOf, toOutcome } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { readMessage } from '../messaging/queue.ts';
import type { Arrival } from '../messaging/arrivals.ts';
import type { Request } from '../messaging/queue.ts';
import type { Tries } from '../domain/rate.ts';
import type { Reconciliation } from './reconcile.ts';
import type { ScanGate } from './scan-gate.ts';
import { busyDelay, throttleDelay } from '../domain/schedule.ts';
import type { Run } from './send.ts';
import type { LinkedFiles } from '../storage/linked-files.ts';
import type { Staging } from '../storage/staged-files.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { fieldsOf, ingestedFrom, isLeaseHolder, isUnwanted, uploadIdOf } from '../domain/upload.ts';
import type { Delivering, LinkReason, Policy, Upload } from '../domain/upload.ts';

/** By this much the lease outlives the function: it ends when Lambda has surely killed the function. */
const LEASE_SLACK_MS = 5_000;
/**
 * A throttled delivery sleeps in the function for pauses up to this: the sweep runs once a minute and would take
 * longer.
 */
const PAUSE_IN_PLACE_MS = 10_000;
/**
 * A throttled delivery does not sleep if less than this would be left of its run: it still has to send the file, and
 * to be at the fence half a minute before its end.
 */
const LEFT_AFTER_PAUSE_MS = 60_000;
/** Deliveries that the breaker stops come back spread over this length. */
const SPREAD_MS = 30_000;
/** The refusals after which a file may end in a link, since IPD does not take it. */
const LINK_REASONS: Partial<Record<FailureCode, LinkReason>> = {
  too_large_for_ipd: 'too_large',
  work_item_full: 'work_item_full',
};
/** Why the breaker stops deliveries, for the error of an upload that waits for it. */
const PAUSED_BY = { outage: 'IPD failed, or did not answer', credentials: 'IPD refused our credentials' };

/** The transition that gives this run the lease, where the upload may be delivered. */
type ClaimTransition = (upload: Upload, lease: attempts.NewLease) => Upload | undefined;

/** What the delivery reports to the breaker. */
type CallResult = { contact: Contact; tries: Tries };

export function createDelivery(deps: {
  ledger: Ledger;
  workItems: WorkItems;
  staging: Staging;
  breaker: Breaker;
  reconciliation: Reconciliation;
  legs: { attachment: Leg; link: Leg };
  linkedFiles: LinkedFiles;
  /** False: a file that IPD does not take fails. */
  isLinking: boolean;
  comments: Comments;
  scanGate: ScanGate;
  closing: Closing;
  ipd: () => Promise<IpdClient>;
  clock: Clock;
  policy: Policy;
  telemetry: Telemetry;
}) {
  const { ledger, workItems, staging, breaker, reconciliation, legs, scanGate, closing } = deps;
  const { linkedFiles, isLinking, comments, ipd, clock, policy, telemetry } = deps;
  const moment = () => ({ now: clock.now(), policy });

  /** Handles a message of the delivery queue: our own request, or events of S3. Its work may be done already. */
  async function onMessage(body: string, run: Run): Promise<void> {
    const message = readMessage(body);
    if (message === undefined) telemetry.warn('message of unknown form ignored');
    else if (message.kind === 'request') await onRequest(message.request, run);
    else for (const arrival of message.arrivals) await onArrival(arrival, run);
  }

  /**
   * Does what a queue message asks for, if it is still to be done. Rejects only when the ledger or the storage cannot
   * be reached.
   */
  async function onRequest({ uploadId, attempt, isArrival }: Request, run: Run): Promise<void> {
    const upload = await find(uploadId);
    if (upload?.status === 'delivered' || upload?.status === 'removed') await recheck(upload, run);
    else if (upload !== undefined) {
      const claim: ClaimTransition = (before, lease) =>
        attempts.claim(before, { ...lease, attempt, now: clock.now() });
      await deliver(upload, { run, isRateLimited: isArrival !== true }, claim);
    }
  }

  /**
   * S3 created an object. Starts the delivery on the upload's first event; removes an object that its upload does not
   * need any more.
   */
  async function onArrival({ key, ...object }: Arrival, run: Run): Promise<void> {
    const uploadId = uploadIdOf(key);
    if (uploadId === undefined) {
      telemetry.warn('object under an unknown key ignored', { bytes: object.size });
      return;
    }
    const upload = await find(uploadId);
    if (upload === undefined) return;
    // The file of an upload that this run delivers is removed at its end.
    if (isUnwanted(upload)) return staging.remove(key);
    // The function that copied the file has recorded it, and the sweep gives it a slot.
    if (ingestedFrom(upload) !== undefined) return;
    await deliver(upload, { run, isRateLimited: false }, (before, lease) =>
      attempts.claimArrival(before, object, { ...lease, ...moment() }),
    );
  }

  /**
   * Checks what IPD has of an upload that has ended: a second copy, or links that are to go. If that is not possible now,
   * the sweep asks for it again. The file of a removed upload goes first, also where IPD refuses everything.
   */
  async function recheck(ended: Upload, { killedAt, signal }: Run): Promise<void> {
    if (!endings.isRecheckDue(ended, clock.now())) return;
    const upload = await removeLinkedFile(ended);
    const until = killedAt + LEASE_SLACK_MS;
    const permission = await breaker.request({ owner: upload.owner, issueId: upload.issueId, until });
    if (permission.kind !== 'granted') return;
    let checked = NOT_ASKED;
    try {
      const client = await connect().catch(() => undefined);
      if (client === undefined) return;
      checked = await legOf(upload).recheck(client, upload, { until, signal });
    } finally {
      const { contact, isAsked, isThrottled } = checked;
      await permission.report(contact, { tries: Number(isAsked), throttled: Number(isThrottled) });
    }
  }

  /** At each check: a copy that was under way may have come since the one before. */
  async function removeLinkedFile(upload: Upload): Promise<Upload> {
    if (upload.status !== 'removed') return upload;
    await linkedFiles.remove(upload.id);
    return (await ledger.change(upload, endings.markLinkedFileRemoved)).upload;
  }

  function legOf({ asLink }: Upload): Leg {
    return asLink === undefined ? legs.attachment : legs.link;
  }

  /** Throws `ipd_unavailable` when the secret cannot be read. */
  async function connect(): Promise<IpdClient> {
    try {
      return await ipd();
    } catch (cause) {
      telemetry.error('the IPD credentials or IPD_CA cannot be read', cause);
      telemetry.addMetrics({ AuthenticationFailures: 1 });
      throw new AppError('ipd_unavailable', 'the IPD credentials or IPD_CA cannot be read', { cause });
    }
  }

  async function find(uploadId: string): Promise<Upload | undefined> {
    const upload = await ledger.find(uploadId);
    if (upload === undefined) telemetry.warn('message for an unknown upload ignored', { uploadId });
    return upload;
  }

  /** Claims the upload, attempts the delivery and records the outcome. Returns the record as it is afterwards. */
  async function deliver(
    upload: Upload,
    { run, isRateLimited }: { run: Run; isRateLimited: boolean },
    claim: ClaimTransition,
  ): Promise<Upload> {
    const lease = { token: clock.uuid(), until: run.killedAt + LEASE_SLACK_MS };
    const next = claim(upload, lease);
    if (next === undefined) return upload;
    const claimed = async (): Promise<Upload> =>
      (await ledger.change(upload, (before) => claim(before, lease))).upload;
    if (next.status !== 'delivering') return claimed();
    // An upload that waits for its scan does not call IPD, so it must not use up the breaker's trial delivery.
    const blocked = await scanGate.atStart(next);
    if (blocked !== undefined) {
      const holder = await claimed();
      return isLeaseHolder(holder, lease.token) ? end(holder, blocked, run) : holder;
    }

    const { owner, issueId } = upload;
    const permission = await breaker.request({ owner, issueId, until: lease.until, isRateLimited });
    if (permission.kind === 'rate_limited') return pauseUpload(upload, next, { until: clock.now() });
    if (permission.kind === 'refused') {
      const until = permission.until + clock.random() * SPREAD_MS;
      return pauseUpload(upload, next, { until, code: 'ipd_paused', detail: PAUSED_BY[permission.reason] });
    }
    let call: CallResult = { contact: 'none', tries: { tries: 0, throttled: 0 } };
    let reporting: Promise<BreakerView> | undefined;
    const report = (): Promise<BreakerView> => (reporting ??= permission.report(call.contact, call.tries));
    try {
      const holder = await claimed();
      if (!isLeaseHolder(holder, lease.token)) return holder;
      const { outcome, ...called } = await attemptDelivery(holder, run);
      call = called;
      if (outcome.kind !== 'retryable_failure') return await end(holder, outcome, run);
      return end(holder, uncountedWhileOpen(outcome, call.contact, await report()), run);
    } finally {
      await report();
    }
  }

  /**
   * While the breaker is open, every upload would fail like this one: it waits like the others, and no attempt is
   * counted.
   */
  function uncountedWhileOpen(
    outcome: Extract<Outcome, { kind: 'retryable_failure' }>,
    contact: Contact,
    view: BreakerView,
  ): Outcome {
    if (isWell(contact) || view.state === 'closed') return outcome;
    return { ...outcome, counts: false, afterMs: view.until - clock.now() };
  }

  async function end(upload: Delivering, outcome: Outcome, run: Run): Promise<Upload> {
    const after = await recordOutcome(upload, outcome);
    await closing.tryNow(after);
    if (after.status === 'delivered') await comments.tryOnce(after, run.signal);
    return after;
  }

  /** Postpones an upload that may not call IPD now. If its file has just arrived, records that as well. */
  async function pauseUpload(
    upload: Upload,
    { etag, size }: Delivering,
    { until, ...why }: { until: number; code?: RetryableFailureCode; detail?: string },
  ): Promise<Upload> {
    const { upload: after } = await ledger.change(upload, (before) => {
      const arrived = lifecycle.stage(before, { etag, size }, moment());
      return attempts.pause(arrived ?? before, { until, ...why, ...moment() });
    });
    telemetry.info('delivery paused', { ...fieldsOf(after), status: after.status });
    await closing.tryNow(after);
    return after;
  }

  /**
   * Tries until there is an outcome. A throttle uses no attempt: the function sleeps through the first pauses while
   * it has time; then it ends, and the upload waits for its next delivery.
   */
  async function attemptDelivery(
    upload: Delivering,
    run: Run,
  ): Promise<{ outcome: Outcome; contact: Contact; tries: Tries }> {
    const notCalled = { contact: 'none' as const, tries: { tries: 0, throttled: 0 } };
    if (upload.candidate !== undefined) {
      return { outcome: { kind: 'match', attachmentId: upload.candidate }, ...notCalled };
    }
    if (upload.asLink === undefined && !(await workItems.takeWorkItem(upload))) {
      const afterMs = busyDelay(clock.now() - Date.parse(upload.stagedAt), clock.random());
      return {
        outcome: { kind: 'retryable_failure', code: 'work_item_busy', counts: false, afterMs },
        ...notCalled,
      };
    }
    let { throttles = 0 } = upload;
    const tries = { tries: 0, throttled: 0 };
    try {
      const client = await connect();
      let current: Delivering = upload;
      for (;;) {
        const { result, contact } = await legOf(current).try(client, current, run);
        tries.tries += 1;
        if (result.kind !== 'throttled') {
          const outcome = toOutcome(result);
          const changed = await changeToLink(current, outcome);
          if (changed === undefined) return { outcome, contact, tries };
          current = changed;
          continue;
        }
        tries.throttled += 1;
        telemetry.addMetrics({ IpdThrottles: 1 });
        const afterMs = Math.max(result.retryAfterMs ?? 0, throttleDelay(throttles, clock.random()));
        throttles += 1;
        if (afterMs > PAUSE_IN_PLACE_MS || clock.now() + afterMs + LEFT_AFTER_PAUSE_MS > run.killedAt) {
          const { detail } = result;
          const outcome = { kind: 'retryable_failure', code: 'ipd_throttled', counts: false } as const;
          return { outcome: { ...outcome, detail, afterMs, throttles }, contact, tries };
        }
        await clock.sleep(afterMs, run.signal);
        const latest = await ledger.find(upload.id);
        if (!isLeaseHolder(latest, upload.lease.token)) {
          throw new AppError('lease_lost', 'the upload was taken away');
        }
        // A doubt may have been resolved before the throttle.
        current = latest;
      }
    } catch (error) {
      return { outcome: outcomeOf(error), contact: 'none', tries };
    }
  }

  /** IPD does not take this file as an attachment: where that is allowed, it ends in a link. */
  async function changeToLink(upload: Delivering, outcome: Outcome): Promise<Delivering | undefined> {
    if (!isLinking || outcome.kind !== 'failed') return undefined;
    const why = LINK_REASONS[outcome.code];
    if (why === undefined) return undefined;
    const { token } = upload.lease;
    const { changed, upload: after } = await ledger.change(upload.id, (before) =>
      attempts.changeToLink(before, { token, why }),
    );
    return changed && isLeaseHolder(after, token) ? after : undefined;
  }

  async function recordOutcome(upload: Delivering, outcome: Outcome): Promise<Upload> {
    const { token } = upload.lease;
    if (outcome.kind === 'match') return reconciliation.recordMatch(upload.id, outcome, token);
    const { upload: after } = await ledger.change(upload.id, (before) => {
      switch (outcome.kind) {
        case 'accepted':
          return attempts.markAccepted(before, moment());
        case 'linked':
          return endings.markLinked(before, { ...outcome, ...moment() });
        case 'unconfirmed':
          return attempts.markUnconfirmed(before, { token, detail: outcome.detail, ...moment() });
        case 'absent':
          return attempts.recordAbsence(before, { token, ...moment() });
        case 'failed':
          return attempts.fail(before, { ...outcome, token, ...moment() });
        case 'retryable_failure':
          return attempts.postpone(before, { ...outcome, token, random: clock.random(), ...moment() });
      }
    });
    return after;
  }

  return { onMessage, onRequest, onArrival };
}
