/**
 * The file becomes an attachment: looks for a copy that is there already, streams the file, passes the fence, finds the
 * id. A file that IPD may have is never sent again before a check of the work item.
 */
import * as attempts from '../domain/attempts.ts';
import type { Contact } from '../domain/breaker.ts';
import { contactOfList } from '../pacing/contact.ts';
import type { Clock } from '../runtime/clock.ts';
import type { IpdClient } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';
import type { Ledger } from '../ledger/uploads.ts';
import { NOT_ASKED } from './leg.ts';
import type { Checked, Leg, Try } from './leg.ts';
import { contactOfUpload, objectionTo, readingOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { Reading, Reconciliation } from './reconcile.ts';
import type { ScanGate } from './scan-gate.ts';
import type { Round, Run, Sending } from './send.ts';
import type { Staging } from '../storage/staged-files.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { fieldsOf, isLeaseHolder, stagingKey } from '../domain/upload.ts';
import type { Delivering, Policy, Upload } from '../domain/upload.ts';

export function createAttachmentLeg(deps: {
  ledger: Ledger;
  staging: Staging;
  reconciliation: Reconciliation;
  sending: Sending;
  scanGate: ScanGate;
  clock: Clock;
  policy: Policy;
  telemetry: Telemetry;
}): Leg {
  const { ledger, staging, reconciliation, sending, scanGate, clock, policy, telemetry } = deps;
  const moment = () => ({ now: clock.now(), policy });

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
    return isLeaseHolder(after, token) ? after : undefined;
  }

  /** After a resend: whether the first copy has appeared after all. */
  async function recheck(
    client: IpdClient,
    upload: Upload,
    run: { until: number; signal: AbortSignal },
  ): Promise<Checked> {
    const watched = watchList(client);
    const finding = await reconciliation.recheck(watched.client, upload, run);
    if (finding === undefined) return { ...NOT_ASKED, contact: watched.contact() };
    return { contact: watched.contact(), isAsked: true, isThrottled: finding.kind === 'throttled' };
  }

  return { try: tryOnce, recheck };
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
