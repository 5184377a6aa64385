/**
 * What a delivery does in IPD, which differs with what the file becomes there: an attachment or an external link.
 * lib/delivery/deliver.ts does what is the same: claims, leases, the breaker, throttles, records.
 */
import type { Contact } from '../domain/breaker.ts';
import type { IpdClient } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';
import type { Outcome } from './outcome.ts';
import type { Run } from './send.ts';
import type { Delivering, Upload } from '../domain/upload.ts';

/** How one try went, and what the breaker learns from it. */
export type Try = { contact: Contact; result: Outcome | Failure };

/** How a check of an upload that has ended went: whether IPD was asked, and whether it asks for fewer requests. */
export type Checked = { contact: Contact; isAsked: boolean; isThrottled: boolean };

/** What a check that is over before IPD is asked comes to. */
export const NOT_ASKED: Checked = { contact: 'none', isAsked: false, isThrottled: false };

export type Leg = {
  /**
   * Reads the work item first: what is there already ends the attempt, and a doubt forbids a second request. Then
   * makes what is to be made, behind the fence.
   */
  try: (client: IpdClient, upload: Delivering, run: Run) => Promise<Try>;
  /** Checks once more what IPD has of an upload that has ended. `until`: when this function has surely ended. */
  recheck: (
    client: IpdClient,
    upload: Upload,
    run: { until: number; signal: AbortSignal },
  ) => Promise<Checked>;
};
