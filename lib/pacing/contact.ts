/** What the breaker learns from a word with IPD. Pure. */
import type { Listing } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';

/** How a visit to IPD went. A list carries nothing of a user's but the number of a work item, so its failure says more. */
export type Contact =
  /** It took or refused an upload: it works. */
  | 'answered'
  /** It answered the list, and was asked no more. */
  | 'listed'
  /** The list came to nothing at IPD, or before it. */
  | 'list_failed'
  | 'unreachable'
  /** The list was answered, the upload was not: IPD may be ill, or the file. */
  | 'upload_failed'
  | 'locked_out'
  /** IPD was not asked. */
  | 'none';

/** What the breaker learns from a list: it carries nothing of a user's but the number of a work item. */
export function contactOfList(listed: Listing | Failure): Contact {
  if (!('kind' in listed)) return 'listed';
  switch (listed.kind) {
    case 'locked_out':
      return 'locked_out';
    case 'unavailable':
      return 'unreachable';
    case 'ambiguous':
      return 'list_failed';
    default:
      return 'listed';
  }
}
