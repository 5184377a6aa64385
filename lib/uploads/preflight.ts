/**
 * Checks before a client sends data: whether the work item takes another file, how large it may be, and whether a file
 * that was delivered before is still attached. If a check is not possible, the upload passes; the delivery checks again.
 */
import type { Breaker } from '../pacing/breaker.ts';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../domain/errors.ts';
import { CLOCK_SKEW_MS } from '../domain/schedule.ts';
import { LIST_LIMIT } from '../ipd/client.ts';
import type { IpdClient, Listing } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';
import { contactOfList } from '../pacing/contact.ts';
import type { Quota } from '../pacing/quota.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import type { In, Policy, WorkItem } from '../domain/upload.ts';

/** In bytes. */
export type Largest = { attached: number; taken: number };

export type Preflight = ReturnType<typeof createPreflight>;

/** The user waits: a work item that cannot be checked in this time passes. */
const PREFLIGHT_MS = 2_000;
/** The name and type that leave the least room for a file. */
const LONGEST = { filename: '\u{1F4CE}'.repeat(200), contentType: `x/${'x'.repeat(253)}` };

export function createPreflight(deps: {
  breaker: Breaker;
  /** Absent where no IPD secret is held: then there is no check. */
  ipd?: (() => Promise<IpdClient>) | undefined;
  preflight: boolean;
  quota: Quota;
  maxFileBytes: number;
  /** Of a file that ends in a link, in bytes; undefined while linking is off. */
  maxLinkedBytes: number | undefined;
  clock: Clock;
  policy: Policy;
  telemetry: Telemetry;
}) {
  const { breaker, ipd, quota, clock, policy, telemetry } = deps;

  /**
   * How large a file may be, in bytes: to become an attachment, and to be taken at all. Without a name and type, one that
   * fits under any.
   */
  async function largestFile(file: { filename: string; contentType: string } = LONGEST): Promise<Largest> {
    const client = await reachIpd();
    const attached = Math.min(deps.maxFileBytes, client?.largestFile(file) ?? deps.maxFileBytes);
    return { attached, taken: Math.max(attached, deps.maxLinkedBytes ?? 0) };
  }

  /**
   * Whether the work item takes another attachment; without one, a file may still end in a link. Throws
   * `work_item_missing`, `work_item_full` or `ipd_forbidden` where IPD says so.
   */
  async function checkWorkItem(item: WorkItem): Promise<{ isFull: boolean }> {
    const listed = await list(item);
    if (listed === undefined) return { isFull: false };
    if (listed.kind === 'listed') {
      const isFull = listed.attachments.length >= LIST_LIMIT;
      if (!isFull || deps.maxLinkedBytes !== undefined) return { isFull };
      throw new AppError(
        'work_item_full',
        `work item ${item.issueId} holds ${LIST_LIMIT} attachments already`,
      );
    }
    if (
      listed.kind === 'refused' &&
      (listed.code === 'work_item_missing' || listed.code === 'ipd_forbidden')
    ) {
      throw new AppError(
        listed.code,
        `IPD refuses work item ${item.issueId} of project ${item.projectId}: ${listed.detail}`,
      );
    }
    warn(listed);
    return { isFull: false };
  }

  /**
   * True only where the work item's list is complete and names no copy of the file: a person has deleted it. A list that
   * IPD does not give, one at its limit, and one soon after the delivery prove nothing.
   */
  async function isAttachmentGone(upload: In<'delivered'>): Promise<boolean> {
    const { attachmentId, duplicates = [], deliveredAt, recheckAt } = upload;
    const isSettled = clock.now() >= Date.parse(deliveredAt) + policy.commitWindowMs + CLOCK_SKEW_MS;
    // Of a file that was sent twice, the other copy may be the one that is left.
    if (attachmentId === null || !isSettled || recheckAt !== undefined) return false;
    const listed = await list(upload);
    if (listed === undefined) return false;
    if (listed.kind !== 'listed') {
      warn(listed);
      return false;
    }
    const { attachments, isGiven } = listed;
    const own = new Set([attachmentId, ...duplicates]);
    return isGiven && attachments.length < LIST_LIMIT && !attachments.some(({ id }) => own.has(id));
  }

  /** The work item's attachments; undefined where the check is off, or IPD is not to be asked now. */
  async function list(item: WorkItem): Promise<Listing | Failure | undefined> {
    if (!deps.preflight) return undefined;
    const permission = await breaker.request({ issueId: item.issueId, isRateLimited: false });
    if (permission.kind !== 'granted') return undefined;
    const client = await reachIpd();
    if (client === undefined || !(await quota.takePreflight())) return undefined;
    const signal = clock.timeout(PREFLIGHT_MS);
    const listed = await client.list(item, signal);
    // The user does not wait longer for a slow IPD; slow alone is no outage.
    await permission.report(signal.aborted ? 'none' : contactOfList(listed));
    return listed;
  }

  function warn(failure: Failure): void {
    if (failure.kind === 'refused') {
      telemetry.warn('pre-flight refused for a reason that is not the work item', {
        code: failure.code,
        detail: failure.detail,
      });
    } else {
      telemetry.warn('pre-flight passed without an answer', { code: failure.kind, detail: failure.detail });
    }
  }

  /** Undefined where there is no IPD secret, or none that can be read now: an upload is not refused for that. */
  async function reachIpd(): Promise<IpdClient | undefined> {
    try {
      return await ipd?.();
    } catch (error) {
      telemetry.error('the IPD credentials or IPD_CA cannot be read', error);
      telemetry.addMetrics({ AuthenticationFailures: 1 });
      return undefined;
    }
  }

  return { largestFile, checkWorkItem, isAttachmentGone };
}
