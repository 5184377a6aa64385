/**
 * Checks before a client sends data: whether the work item takes another file, and how large it may be. If the check
 * is not possible, the upload passes; the delivery checks again.
 */
import type { Breaker } from '../pacing/breaker.ts';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../domain/errors.ts';
import { LIST_LIMIT } from '../ipd/client.ts';
import type { IpdClient } from '../ipd/client.ts';
import { contactOfList } from '../pacing/contact.ts';
import type { Quota } from '../pacing/quota.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import type { WorkItem } from '../domain/upload.ts';

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
  clock: Clock;
  telemetry: Telemetry;
}) {
  const { breaker, ipd, quota, clock, telemetry } = deps;

  /** The largest file in bytes; without a name and type, one that fits under any. */
  async function largestFile(file: { filename: string; contentType: string } = LONGEST): Promise<number> {
    const client = await reachIpd();
    return Math.min(deps.maxFileBytes, client?.largestFile(file) ?? deps.maxFileBytes);
  }

  /** Throws `work_item_missing`, `work_item_full` or `ipd_forbidden` where IPD says so. */
  async function checkWorkItem(item: WorkItem): Promise<void> {
    if (!deps.preflight) return;
    const permission = await breaker.request({ issueId: item.issueId, isRateLimited: false });
    if (permission.kind !== 'granted') return;
    const client = await reachIpd();
    if (client === undefined || !(await quota.takePreflight())) return;
    const signal = clock.timeout(PREFLIGHT_MS);
    const listed = await client.list(item, signal);
    // The user does not wait longer for a slow IPD; slow alone is no outage.
    await permission.report(signal.aborted ? 'none' : contactOfList(listed));
    if (listed.kind === 'listed') {
      if (listed.attachments.length < LIST_LIMIT) return;
      throw new AppError(
        'work_item_full',
        `work item ${item.issueId} holds ${LIST_LIMIT} attachments already`,
      );
    }
    if (listed.kind !== 'refused') {
      telemetry.warn('pre-flight passed without an answer', { code: listed.kind, detail: listed.detail });
      return;
    }
    if (listed.code === 'work_item_missing' || listed.code === 'ipd_forbidden') {
      throw new AppError(
        listed.code,
        `IPD refuses work item ${item.issueId} of project ${item.projectId}: ${listed.detail}`,
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
      telemetry.addMetrics({ AuthenticationFailures: 1 });
      return undefined;
    }
  }

  return { largestFile, checkWorkItem };
}
