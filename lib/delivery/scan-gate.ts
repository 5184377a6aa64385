/**
 * The gate before IPD: a file passes once a malware scan outside this product has given it the required tag. Without
 * a required tag the gate is open and asks nothing. Never tags a file itself; only says why a file may not be sent
 * now.
 */
import type { Clock } from '../runtime/clock.ts';
import { outcomeOf } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import { scanDelay } from '../domain/schedule.ts';
import type { Staging } from '../storage/staged-files.ts';
import { stagingKey } from '../domain/upload.ts';
import type { Delivering } from '../domain/upload.ts';

export type ScanGate = ReturnType<typeof createScanGate>;

export function createScanGate(deps: {
  staging: Staging;
  clock: Clock;
  requiredScanTag: { name: string; value: string } | undefined;
}) {
  const { staging, clock, requiredScanTag: required } = deps;

  /**
   * Runs before the first call to IPD. A file that IPD has or may have skips it: the delivery checks IPD first, and
   * calls `beforeSending` before it sends the file again.
   */
  async function atStart(upload: Delivering): Promise<Outcome | undefined> {
    if (upload.doubt !== undefined || upload.candidate !== undefined) return undefined;
    return beforeSending(upload).catch(outcomeOf);
  }

  /** Throws what asking storage throws. */
  async function beforeSending({ id, etag, stagedAt }: Delivering): Promise<Outcome | undefined> {
    if (required === undefined) return undefined;
    const value = await staging.tagOf({ key: stagingKey(id), etag }, required.name);
    if (value === required.value) return undefined;
    if (value !== undefined) {
      return { kind: 'failed', code: 'scan_refused', detail: `${required.name} is ${value}.` };
    }
    const afterMs = scanDelay(clock.now() - Date.parse(stagedAt));
    return { kind: 'retryable_failure', code: 'scan_pending', counts: false, afterMs };
  }

  return { atStart, beforeSending };
}
