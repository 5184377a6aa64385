/** What `links.ts` and `comments.ts` need of `client.ts`: the form of a call whose body is JSON. It has no behaviour. */
import type { Verdict } from './errors.ts';

export type JsonCall = {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  /** Sent as JSON; without it the request has no body. */
  content?: Record<string, string>;
  signal: AbortSignal;
};

/** Sends one call and says what its answer means. */
type Ask = (call: JsonCall) => Promise<Verdict>;

/** `read`: a call without effects, repeated once with a fresh token. `write`: a call that changes something, sent once. */
export type Asking = { read: Ask; write: Ask };
