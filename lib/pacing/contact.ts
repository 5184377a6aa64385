/** What the breaker learns from a call to IPD. Pure. */
import type { Listing } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';

/**
 * How a call to IPD went. A list contains nothing of a user's but the number of a work item, so its failure says
 * more.
 */
export type Contact =
  /** IPD took or refused an upload: it works. */
  | 'answered'
  /** IPD answered the list, and no upload followed. */
  | 'listed'
  /** The list failed, at IPD or on the way to it. */
  | 'list_failed'
  | 'unreachable'
  /** The list was answered, the upload was not: the cause may be IPD, or the file. */
  | 'upload_failed'
  | 'locked_out'
  /** IPD was not asked. */
  | 'none';

/** What the breaker learns from a list, which contains nothing of a user's but the number of a work item. */
export function contactOfList(listed: Listing | Failure): Contact {
  switch (listed.kind) {
    case 'locked_out':
      return 'locked_out';
    case 'unavailable':
      return 'unreachable';
    case 'unconfirmed':
      return 'list_failed';
    default:
      return 'listed';
  }
}
