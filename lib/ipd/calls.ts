/** What `links.ts` and `comments.ts` need of `client.ts`: the form of a call whose body is JSON. It has no behaviour. */
import type { Verdict } from './errors.ts';

export type JsonCall = {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  /** Sent as JSON; without it the request has no body. */
  content?: Record<string, string>;
  signal: AbortSignal;
};

/** `fence` is called as soon as there is a connection; only when it resolves is the content sent. */
export type FencedCall = JsonCall & { content: Record<string, string>; fence: () => Promise<void> };

/** Sends one call and says what its answer means. */
type Ask<Call> = (call: Call) => Promise<Verdict>;

/**
 * `read`: a call without effects, repeated once with a fresh token. `write`: a call that changes something, sent once.
 * `writeBehindFence`: the same; it throws what `fence` throws before the exchange is over.
 */
export type Asking = { read: Ask<JsonCall>; write: Ask<JsonCall>; writeBehindFence: Ask<FencedCall> };
