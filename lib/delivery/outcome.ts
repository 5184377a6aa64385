/**
 * The outcome of an attempt, derived from what was read, answered or thrown, and what the breaker learns from it.
 * Pure: reads and sends nothing; deliver.ts records the outcome.
 */
import { resolvesDoubt } from '../domain/attempts.ts';
import type { RetryableFailure } from '../domain/attempts.ts';
import type { Contact } from '../domain/breaker.ts';
import { AppError, isFailureCode, isRetryableFailureCode } from '../domain/errors.ts';
import type { FailureCode } from '../domain/errors.ts';
import { LIST_LIMIT } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';
import type { Finding, Match, Reading } from './reconcile.ts';
import type { Delivering, Moment } from '../domain/upload.ts';

/** How an attempt ended. */
export type Outcome =
  | ({ kind: 'match' } & Match)
  /** The work item has the link. `hasLeftover`: and one that has to be deleted. */
  | { kind: 'linked'; linkId: string; hasLeftover: boolean }
  | { kind: 'accepted' }
  | { kind: 'unconfirmed'; detail: string }
  | { kind: 'absent' }
  | { kind: 'failed'; code: FailureCode; detail: string }
  | ({ kind: 'retryable_failure' } & RetryableFailure);

/** The result of a check of the work item that found anything but `none`. */
export function readingOf(
  finding: Exclude<Finding, { kind: 'none' }>,
  upload: Delivering,
): Outcome | Failure {
  switch (finding.kind) {
    // A read changes nothing in IPD, so an unclear answer to it leaves no doubt.
    case 'unconfirmed':
      return { ...finding, kind: 'unavailable' };
    case 'unproven':
    case 'unread': {
      const code = upload.doubt === undefined ? 'ipd_unavailable' : 'answer_lost';
      return { kind: 'retryable_failure', code, detail: finding.detail, counts: true };
    }
    case 'unfinished':
      return {
        kind: 'retryable_failure',
        code: 'answer_lost',
        detail: finding.detail,
        counts: !finding.hasProgress,
      };
    case 'refused':
      return upload.doubt === undefined
        ? finding
        : { kind: 'failed', code: 'outcome_unknown', detail: finding.detail };
    default:
      return finding;
  }
}

/** Why nothing may be sent though no attachment is our file: a doubt that is not resolved, or a full work item. */
export function objectionTo({ doubt }: Delivering, { isFull }: Reading, moment: Moment): Outcome | undefined {
  if (doubt === undefined) {
    const detail = `${LIST_LIMIT} attachments are there already`;
    return isFull ? { kind: 'failed', code: 'work_item_full', detail } : undefined;
  }
  if (!resolvesDoubt(doubt, moment)) return { kind: 'absent' };
  if (!doubt.accepted && !isFull) return undefined;
  const detail = isFull
    ? `the work item shows ${LIST_LIMIT} attachments, and none is this file`
    : 'not in the list';
  return { kind: 'failed', code: 'outcome_unknown', detail };
}

/** The outcome that IPD's answer means. A throttle is not an outcome: the delivery waits and tries again. */
export function toOutcome(result: Outcome | Exclude<Failure, { kind: 'throttled' }>): Outcome {
  switch (result.kind) {
    case 'refused':
      return { kind: 'failed', code: result.code, detail: result.detail };
    case 'locked_out':
      return { kind: 'retryable_failure', code: 'ipd_paused', detail: result.detail, counts: false };
    case 'unavailable':
    case 'token_dead':
      return { kind: 'retryable_failure', code: 'ipd_unavailable', detail: result.detail, counts: true };
    default:
      return result;
  }
}

/**
 * The outcome that one of our own errors means. Rethrows all other errors, and codes that are neither a failure nor a
 * retryable failure.
 */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof AppError)) throw error;
  const { code, message: detail } = error;
  if (isFailureCode(code)) return { kind: 'failed', code, detail };
  if (isRetryableFailureCode(code)) return { kind: 'retryable_failure', code, detail, counts: true };
  throw error;
}

/** What the breaker learns from an upload whose list was answered. */
export function contactOfUpload(result: Outcome | Failure): Contact {
  if (result.kind === 'locked_out') return 'locked_out';
  return result.kind === 'unavailable' || result.kind === 'unconfirmed' ? 'upload_failed' : 'answered';
}
