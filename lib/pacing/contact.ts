/** What the breaker learns from a list of IPD. Pure. */
import type { Contact } from '../domain/breaker.ts';
import type { Listing } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';

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
