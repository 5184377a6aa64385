/**
 * The use case: one staged file becomes one IPD attachment. Claims the upload, checks whether IPD has the file
 * already, streams it, passes the fence, interprets the answer and records the outcome. Takes one upload at a time. A
 * file that IPD may have is never sent again before a check of the work item.
 */
import * as attempts from '../domain/attempts.ts';
import { isWell } from '../domain/breaker.ts';
import type { BreakerView, Contact } from '../domain/breaker.ts';
import type { Breaker } from '../pacing/breaker.ts';
import { contactOfList } from '../pacing/contact.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Closing } from '../uploads/clean-up.ts';
import { AppError } from '../domain/errors.ts';
import type { RetryableFailureCode } from '../domain/errors.ts';
import type { IpdClient } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';
import type { Ledger } from '../ledger/uploads.ts';
import type { WorkItems } from '../ledger/work-items.ts';
import * as endings from '../domain/endings.ts';
import * as lifecycle from '../domain/lifecycle.ts';
import { contactOfUpload, objectionTo, outcomeOf, readingOf, toOutcome } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { readMessage } from '../messaging/queue.ts';
import type { Arrival } from '../messaging/arrivals.ts';
import type { Request } from '../messaging/queue.ts';
import type { Tries } from '../domain/rate.ts';
import type { Reading, Reconciliation } from './reconcile.ts';
import type { ScanGate } from './scan-gate.ts';
import { busyDelay, throttleDelay } from '../domain/schedule.ts';
import type { Round, Run, Sending } from './send.ts';
import type { Staging } from '../storage/staged-files.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { ingestedFrom, isLeaseHolder, isUnwanted, stagingKey, uploadIdOf } from '../domain/upload.ts';
import type { Delivering, Policy, Upload } from '../domain/upload.ts';

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
/** Why the breaker stops deliveries, for the error of an upload that waits for it. */
const PAUSED_BY = { outage: 'IPD failed, or did not answer', credentials: 'IPD refused our credentials' };

/** The transition that gives this run the lease, where the upload may be delivered. */
type ClaimTransition = (upload: Upload, lease: attempts.NewLease) => Upload | undefined;

/** The result of one read of the list and, if the file was sent, of the upload. */
type Try = { contact: Contact; result: Outcome | Failure };

/** What the delivery reports to the breaker. */
type CallResult = { contact: Contact; tries: Tries };

export function createDelivery(deps: {
  ledger: Ledger;
  workItems: WorkItems;
  staging: Staging;
  breaker: Breaker;
  reconciliation: Reconciliation;
  sending: Sending;
  scanGate: ScanGate;
  closing: Closing;
  ipd: () => Promise<IpdClient>;
  clock: Clock;
  policy: Policy;
  telemetry: Telemetry;
}) {
  const { ledger, workItems, staging, breaker, reconciliation, sending, scanGate, closing } = deps;
  const { ipd, clock, policy, telemetry } = deps;
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
    if (upload?.status === 'delivered') await recheck(upload, run);
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

  /** Checks a delivered upload for a second copy. If that is not possible now, the sweep asks for it again. */
  async function recheck(upload: Upload, { killedAt, signal }: Run): Promise<void> {
    if (!endings.isRecheckDue(upload, clock.now())) return;
    const until = killedAt + LEASE_SLACK_MS;
    const permission = await breaker.request({ owner: upload.owner, issueId: upload.issueId, until });
    if (permission.kind !== 'granted') return;
    const call: CallResult = { contact: 'none', tries: { tries: 0, throttled: 0 } };
    try {
      const client = await connect().catch(() => undefined);
      if (client === undefined) return;
      const watched = watchList(client);
      const finding = await reconciliation.recheck(watched.client, upload, { until, signal });
      call.contact = watched.contact();
      call.tries = {
        tries: Number(finding !== undefined),
        throttled: Number(finding?.kind === 'throttled'),
      };
    } finally {
      await permission.report(call.contact, call.tries);
    }
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
      return isLeasedBy(holder, lease) ? end(holder, blocked) : holder;
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
      if (!isLeasedBy(holder, lease)) return holder;
      const { outcome, ...called } = await attemptDelivery(holder, run);
      call = called;
      if (outcome.kind !== 'retryable_failure') return await end(holder, outcome);
      return await end(holder, uncountedWhileOpen(outcome, call.contact, await report()));
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
    { state, until = 0 }: BreakerView,
  ): Outcome {
    if (isWell(contact) || state === 'closed') return outcome;
    return { ...outcome, counts: false, afterMs: Math.max(until - clock.now(), 0) };
  }

  async function end(upload: Delivering, outcome: Outcome): Promise<Upload> {
    const after = await recordOutcome(upload, outcome);
    await closing.tryNow(after);
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
    if (!(await workItems.takeWorkItem(upload))) {
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
        const { result, contact } = await tryOnce(client, current, run);
        tries.tries += 1;
        if (result.kind !== 'throttled') return { outcome: toOutcome(result), contact, tries };
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
        if (!isSameAttempt(latest, upload)) throw new AppError('lease_lost', 'the upload was taken away');
        // A doubt may have been resolved before the throttle.
        current = latest;
      }
    } catch (error) {
      return { outcome: outcomeOf(error), contact: 'none', tries };
    }
  }

  /**
   * Opens the file while the work item is read, unless a doubt makes it unlikely that it may be sent. Opening is not
   * sending: no byte leaves storage's socket before the list allows it. Each try has a stream of its own, since one
   * kept open through a throttle's pause would occupy its socket for nothing.
   */
  async function tryOnce(client: IpdClient, upload: Delivering, run: Run): Promise<Try> {
    const over = new AbortController();
    const signal = AbortSignal.any([run.signal, over.signal]);
    const version = { key: stagingKey(upload.id), etag: upload.etag, signal };
    const opened = upload.doubt === undefined && { opened: staging.open(version) };
    try {
      return await checkThenSend(client, upload, { ...run, ...opened });
    } finally {
      over.abort();
    }
  }

  /** Reads the work item first: a copy of our file ends the attempt, and an unresolved doubt forbids sending. */
  async function checkThenSend(client: IpdClient, upload: Delivering, round: Round): Promise<Try> {
    const watched = watchList(client);
    const read = (result: Try['result']): Try => ({ contact: watched.contact(), result });
    // A reading proves what IPD had when it began: a copy may be stored while the downloads last.
    const begun = moment();
    const finding = await reconciliation.check(watched.client, upload, round.signal);
    if (finding.kind === 'match' && upload.doubt === undefined) {
      const contradiction = upload.resent
        ? 'stored a file after the commit window'
        : 'has a file that it refused';
      return read({ ...finding, contradiction });
    }
    if (finding.kind !== 'none') return read(readingOf(finding, upload));
    const objection = objectionTo(upload, finding, begun);
    if (objection !== undefined) return read(objection);
    const resolved = upload.doubt === undefined ? upload : await resolveDoubt(upload);
    if (resolved === undefined) return read({ kind: 'retryable_failure', code: 'lease_lost', counts: true });
    const blocked = upload.doubt && (await scanGate.beforeSending(resolved));
    if (blocked !== undefined) return read(blocked);
    if (upload.doubt && clock.now() >= Date.parse(upload.retryUntil)) {
      const detail = upload.lastError?.detail;
      return read({ kind: 'retryable_failure', code: 'ipd_unavailable', detail, counts: true });
    }
    const result = await send(client, resolved, { round, ...finding });
    return { contact: contactOfUpload(result), result };
  }

  async function send(
    client: IpdClient,
    upload: Delivering,
    { round, baseline, isBaselineNull, listed }: { round: Round } & Reading,
  ): Promise<Outcome | Failure> {
    const started = clock.now();
    const sent = await sending.send(client, upload, { round, baseline, isBaselineNull });
    if (sent.kind === 'unavailable' && sent.isContradiction) {
      reconciliation.reportContradiction(upload, sent.detail);
    }
    if (sent.kind !== 'stored') return sent;
    const taken = { bytes: upload.size, durationMs: clock.now() - started, ipdRequestId: sent.requestId };
    telemetry.info('IPD took the file', { ...fieldsOf(upload), ...taken });
    const attachmentId = reconciliation.checkNamed(upload, sent, listed);
    if (attachmentId === null) return findAccepted(client, upload, round);
    return { kind: 'match', attachmentId, isNamed: true };
  }

  /** IPD has the file and named no id. Records that first, then reads the list, which mostly shows the file at once. */
  async function findAccepted(client: IpdClient, upload: Delivering, run: Run): Promise<Outcome> {
    const { upload: after } = await ledger.change(upload.id, (before) =>
      attempts.markAccepted(before, moment()),
    );
    // After a retryable failure, or by an operator, many uploads come back at the same time. Each has a slot for two
    // requests, so this check waits for a slot of its own.
    if (upload.lastError !== undefined || upload.redrive !== undefined) return { kind: 'accepted' };
    const finding = await reconciliation.check(client, after, run.signal);
    return finding.kind === 'match' ? finding : { kind: 'accepted' };
  }

  /** IPD does not have the file that was sent before. Records that before the file is sent again. */
  async function resolveDoubt(upload: Delivering): Promise<Delivering | undefined> {
    const { token } = upload.lease;
    const { upload: after } = await ledger.change(upload.id, (before) =>
      attempts.resolveDoubt(before, { token }),
    );
    return isSameAttempt(after, upload) ? after : undefined;
  }

  async function recordOutcome(upload: Delivering, outcome: Outcome): Promise<Upload> {
    const { token } = upload.lease;
    if (outcome.kind === 'match') return reconciliation.recordMatch(upload.id, outcome, token);
    const { upload: after } = await ledger.change(upload.id, (before) => {
      switch (outcome.kind) {
        case 'accepted':
          return attempts.markAccepted(before, moment());
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

/** A client that keeps, for the breaker, how its last list call went. What the list showed does not matter. */
function watchList(client: IpdClient) {
  let contact: Contact = 'none';
  const list: IpdClient['list'] = async (item, signal) => {
    const listed = await client.list(item, signal);
    contact = contactOfList(listed);
    return listed;
  };
  return { client: { ...client, list }, contact: () => contact };
}

/** Whether the record still belongs to this attempt. */
function isSameAttempt(record: Upload | undefined, { lease }: Delivering): record is Delivering {
  return isLeasedBy(record, lease);
}

function isLeasedBy(record: Upload | undefined, { token }: { token: string }): record is Delivering {
  return record !== undefined && isLeaseHolder(record, token);
}

function fieldsOf(upload: Upload) {
  return { uploadId: upload.id, correlationId: upload.correlationId, attempt: upload.attempts };
}
