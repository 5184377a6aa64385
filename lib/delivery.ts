/**
 * The use case: one staged file becomes one IPD attachment. Claims the upload, looks whether IPD has it already,
 * streams the file, passes the fence, interprets the answer and writes it down. Takes one upload at a time;
 * what was not surely refused is looked for before it is ever sent again.
 */
import * as attempts from './attempts.ts';
import type { Breaker, Contact } from './breaker.ts';
import type { Clock } from './clock.ts';
import type { Closing } from './closing.ts';
import { AppError } from './errors.ts';
import type { IpdClient } from './ipd/client.ts';
import type { Failure } from './ipd/errors.ts';
import type { Ledger } from './ledger.ts';
import * as lifecycle from './lifecycle.ts';
import { contactOf, objectionTo, outcomeOf, readingOf, toOutcome } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { Arrival, Request } from './queue.ts';
import type { Reconciliation } from './reconciliation.ts';
import type { ScanGate } from './scan-gate.ts';
import type { Run, Sending } from './sending.ts';
import type { Staging } from './staging.ts';
import type { Telemetry } from './telemetry.ts';
import { isUnwanted, uploadIdOf } from './upload.ts';
import type { Delivering, Policy, Upload } from './upload.ts';

/** The lease ends after the function is dead for sure. */
const LEASE_SLACK_MS = 5_000;
/** Huawei's advice for a throttled call: wait 2 to 5 s. */
const THROTTLE_PAUSE_MS = { from: 2_000, spread: 3_000 };
/** With less than this left, a throttled delivery makes room instead of waiting in place. */
const PATIENCE_MS = 30_000;
const WORK_ITEM_PAUSE_MS = 15_000;

export function createDelivery(parts: {
  ledger: Ledger;
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
  const { ledger, staging, breaker, reconciliation, sending, scanGate, closing } = parts;
  const { ipd, clock, policy, telemetry } = parts;
  const moment = () => ({ now: clock.now(), policy });

  /** Does what a queue message asked for, if it is still to be done. Rejects only when the ledger or the storage cannot be reached. */
  async function onRequest({ uploadId, attempt }: Request, run: Run): Promise<void> {
    const upload = await find(uploadId);
    if (upload?.status === 'delivered') await recheck(upload, run);
    else if (upload !== undefined)
      await deliver(upload, run, (before, right) => attempts.claim(before, { ...right, attempt }));
  }

  /** An object was created: delivers it if it is an upload's first news, removes it where nobody waits for it. */
  async function onArrival({ key, ...object }: Arrival, run: Run): Promise<void> {
    const uploadId = uploadIdOf(key);
    if (uploadId === undefined) {
      telemetry.warn('object under an unknown key ignored', { bytes: object.size });
      return;
    }
    const upload = await find(uploadId);
    if (upload === undefined) return;
    const after = await deliver(upload, run, (before, right) =>
      attempts.claimArrival(before, object, { ...right, ...moment() }),
    );
    if (isUnwanted(after)) await staging.remove(key);
  }

  /** The look for a second copy; what keeps it away now is tried when the sweep comes back to it. */
  async function recheck(upload: Upload, { killedAt, signal }: Run): Promise<void> {
    const gate = await breaker.enter();
    if ('waitUntil' in gate) return;
    let contact: Contact = 'none';
    try {
      const client = await connect().catch(() => undefined);
      const until = killedAt + LEASE_SLACK_MS;
      const finding = client && (await reconciliation.recheck(client, upload, { until, signal }));
      if (finding !== undefined) contact = contactOf(finding);
    } finally {
      await gate.leave(contact);
    }
  }

  /** Throws `ipd_unavailable` when the secret cannot be had. */
  async function connect(): Promise<IpdClient> {
    try {
      return await ipd();
    } catch (cause) {
      telemetry.error('the IPD credentials cannot be read', cause);
      telemetry.measure({ AuthenticationFailures: 1 });
      throw new AppError('ipd_unavailable', 'the IPD credentials cannot be read', { cause });
    }
  }

  async function find(uploadId: string): Promise<Upload | undefined> {
    const upload = await ledger.find(uploadId);
    if (upload === undefined) telemetry.warn('message for an unknown upload ignored', { uploadId });
    return upload;
  }

  /** Claims, attempts, writes down. Answers with the record as it is afterwards. */
  async function deliver(
    upload: Upload,
    run: Run,
    claim: (upload: Upload, right: attempts.Claim) => Upload | undefined,
  ): Promise<Upload> {
    const right = { token: clock.uuid(), until: run.killedAt + LEASE_SLACK_MS };
    const wanted = claim(upload, right);
    if (wanted === undefined) return upload;
    const gate = await breaker.enter();
    if ('waitUntil' in gate) return waitFor(upload, wanted, gate.waitUntil);

    let contact: Contact = 'none';
    try {
      const { upload: claimed } = await ledger.change(upload, (before) => claim(before, right));
      if (claimed.status !== 'delivering' || claimed.lease.token !== right.token) return claimed;
      const held = await scanGate.atStart(claimed);
      const attempted = held
        ? { outcome: held, contact: 'none' as const }
        : await attemptDelivery(claimed, run);
      contact = attempted.contact;
      const after = await writeDown(claimed, attempted.outcome);
      if (after.status === 'delivered' || after.status === 'failed') await closing.tryNow(after);
      return after;
    } finally {
      await gate.leave(contact);
    }
  }

  /** Nobody may speak to IPD now. A file that has just arrived is at least known to be there. */
  async function waitFor(upload: Upload, wanted: Upload, waitUntil: number): Promise<Upload> {
    const until = waitUntil + clock.random() * PATIENCE_MS;
    const { upload: after } = await ledger.change(upload, (before) => {
      const { etag, size } = wanted;
      const arrived = etag === undefined ? undefined : lifecycle.stage(before, { etag, size }, moment());
      const present = arrived ?? before;
      return attempts.pause(present, { until, code: 'ipd_paused', ...moment() }) ?? arrived;
    });
    telemetry.info('delivery paused', { ...fieldsOf(after), status: after.status });
    return after;
  }

  /** Tries until there is an outcome. A throttle uses no attempt: it is waited out in place while there is time. */
  async function attemptDelivery(
    upload: Delivering,
    run: Run,
  ): Promise<{ outcome: Outcome; contact: Contact }> {
    if (upload.candidate !== undefined) {
      return { outcome: { kind: 'ours', attachmentId: upload.candidate }, contact: 'none' };
    }
    if (!(await ledger.takeWorkItem(upload))) {
      const afterMs = WORK_ITEM_PAUSE_MS * (1 + clock.random());
      return {
        outcome: { kind: 'set_back', code: 'work_item_busy', counts: false, afterMs },
        contact: 'none',
      };
    }
    try {
      const client = await connect();
      let current: Delivering = upload;
      for (;;) {
        const result = await lookThenSend(client, current, run);
        if (result.kind !== 'throttled') return { outcome: toOutcome(result), contact: contactOf(result) };
        telemetry.measure({ IpdThrottles: 1 });
        const { from, spread } = THROTTLE_PAUSE_MS;
        const afterMs = Math.max(result.retryAfterMs ?? 0, from + clock.random() * spread);
        if (clock.now() + afterMs + PATIENCE_MS > run.killedAt) {
          const { detail } = result;
          return {
            outcome: { kind: 'set_back', code: 'ipd_throttled', detail, counts: false, afterMs },
            contact: 'answered',
          };
        }
        await clock.sleep(afterMs, run.signal);
        const latest = await ledger.find(upload.id);
        if (!isSameAttempt(latest, upload)) throw new AppError('lease_lost', 'the upload was taken away');
        // A doubt may have been settled before the throttle.
        current = latest;
      }
    } catch (error) {
      return { outcome: outcomeOf(error), contact: 'none' };
    }
  }

  /** Reads the work item first: a copy of ours ends the attempt, a doubt that is not settled forbids to send. */
  async function lookThenSend(client: IpdClient, upload: Delivering, run: Run): Promise<Outcome | Failure> {
    const finding = await reconciliation.look(client, upload, run.signal);
    if (finding.kind === 'ours' && upload.doubt === undefined) {
      reconciliation.reportContradiction(upload, 'has a file that it refused', finding.attachmentId);
    }
    if (finding.kind !== 'none') return readingOf(finding, upload);
    const objection = objectionTo(upload, finding, moment());
    if (objection !== undefined) return objection;
    const settled = upload.doubt === undefined ? upload : await settle(upload);
    if (settled === undefined) return { kind: 'set_back', code: 'lease_lost', counts: true };
    const held = upload.doubt && (await scanGate.beforeSending(settled));
    if (held !== undefined) return held;
    const started = clock.now();
    const sent = await sending.send(client, settled, { run, known: finding.known });
    if (sent.kind === 'ambiguous') return { kind: 'doubt', detail: sent.detail };
    if (sent.kind === 'unavailable' && sent.isContradiction) {
      reconciliation.reportContradiction(upload, sent.detail);
    }
    if (sent.kind !== 'stored') return sent;
    const taken = { bytes: upload.size, durationMs: clock.now() - started, ipdRequestId: sent.requestId };
    telemetry.info('IPD took the file', { ...fieldsOf(upload), ...taken });
    const attachmentId = await reconciliation.checkNamed(settled, sent, finding.listed);
    if (attachmentId === null) return findAccepted(client, upload, run);
    return { kind: 'ours', attachmentId, isNamed: true };
  }

  /** IPD has the file and named no id. That is written down first; then its list mostly shows the file at once. */
  async function findAccepted(client: IpdClient, upload: Delivering, run: Run): Promise<Outcome> {
    const { upload: after } = await ledger.change(upload.id, (before) => attempts.accepted(before, moment()));
    // Whoever was set back comes with many others, each with a turn of two requests: the look gets its own.
    if (upload.error !== undefined) return { kind: 'accepted' };
    const finding = await reconciliation.look(client, after, run.signal);
    return finding.kind === 'ours' ? finding : { kind: 'accepted' };
  }

  /** IPD does not have what was sent before: written down before anything is sent again. */
  async function settle(upload: Delivering): Promise<Delivering | undefined> {
    const { token } = upload.lease;
    const { upload: after } = await ledger.change(upload.id, (before) => attempts.settle(before, { token }));
    return isSameAttempt(after, upload) ? after : undefined;
  }

  async function writeDown(upload: Delivering, outcome: Outcome): Promise<Upload> {
    const { token } = upload.lease;
    if (outcome.kind === 'ours') return reconciliation.own(upload.id, outcome);
    const { upload: after } = await ledger.change(upload.id, (before) => {
      switch (outcome.kind) {
        case 'accepted':
          return attempts.accepted(before, moment());
        case 'doubt':
          return attempts.cast(before, { token, detail: outcome.detail, ...moment() });
        case 'missed':
          return attempts.missed(before, { token, ...moment() });
        case 'failed':
          return attempts.fail(before, { ...outcome, token, ...moment() });
        case 'set_back':
          return attempts.setBack(before, { ...outcome, token, random: clock.random(), ...moment() });
      }
    });
    return after;
  }

  return { onRequest, onArrival };
}

/** Whether the record still belongs to this attempt. */
function isSameAttempt(record: Upload | undefined, { lease }: Delivering): record is Delivering {
  return record?.status === 'delivering' && record.lease.token === lease.token;
}

function fieldsOf(upload: Upload) {
  return { uploadId: upload.id, correlationId: upload.correlationId, attempt: upload.attempts };
}
