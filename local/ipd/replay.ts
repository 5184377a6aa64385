/**
 * A transcript as the fake IPD answers by it: the answers of a real tenant, those of each operation in their order. What
 * the transcript does not have, or not any more, the fake answers by itself; so it does for tokens, which are secrets.
 */
import type { Exchange, RecordedAnswer, RecordedRequest } from './transcript.ts';
import { htmlPage } from './replies.ts';
import type { AuthKind, Operation, Reply } from './types.ts';

/** `size` is that of the file, where one was stored. */
type Asked = { operation: Operation; auth: AuthKind; size: number | undefined };

const LISTS = new Set<Operation>(['list', 'linkList', 'commentList']);

export function createReplay(exchanges: readonly Exchange[]) {
  const left = [...exchanges];
  const lastLists = new Map<Operation, RecordedAnswer>();

  /** What was answered to the next request of this kind; for an upload, to one of as many bytes. */
  function answer(asked: Asked): Reply | 'reset' | undefined {
    if (asked.operation === 'token') return undefined;
    const next = left.findIndex(({ request }) => isLike(request, asked));
    const [found] = next === -1 ? [] : left.splice(next, 1);
    if (!LISTS.has(asked.operation)) return found && replyOf(found.answer);
    // A list is asked for as often as the caller likes.
    const answered = found?.answer ?? lastLists.get(asked.operation);
    if (answered === undefined) return undefined;
    lastLists.set(asked.operation, answered);
    return replyOf(answered);
  }

  return { answer };
}

function isLike(request: RecordedRequest, { operation, auth, size }: Asked): boolean {
  if (request.operation !== operation) return false;
  return request.operation !== 'upload' || (request.size === size && request.auth === auth);
}

function replyOf(answer: RecordedAnswer): Reply | 'reset' {
  if ('lost' in answer) return 'reset';
  const { status, headers, json, other } = answer;
  if (json !== undefined) return { status, headers, json };
  if (other === 'page') return { ...htmlPage(status, 'recorded'), headers };
  return { status, headers, text: other === 'text' ? 'recorded' : '' };
}
