/**
 * What the client takes of its platform: types that need neither DOM's nor Node's where a project has none of
 * them, and the surroundings that only browsers have.
 */

type PlainFile = { readonly size: number; slice(start?: number, end?: number): PlainFile };
type PlainSignal = {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
};
type PlainResponse = {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
};

/** A Blob: a browser's File, what `openLocalFile` gives in Node. Node's `openAsBlob` will do up to 2 GiB. */
export type FileBody = typeof globalThis extends { Blob: { prototype: infer B } } ? B : PlainFile;

/** An AbortSignal. */
export type Signal = typeof globalThis extends { AbortSignal: { prototype: infer S } } ? S : PlainSignal;

/** The platform's fetch, or one that does the same. */
export type Fetch = typeof globalThis extends { fetch: infer F }
  ? F
  : (url: string, init: object) => Promise<PlainResponse>;

type Listener = (event: { blockedURI?: string }) => void;
export type Surroundings = {
  /** `until`: the listener is removed with the abort of its signal. */
  addEventListener?(type: string, listener: Listener, until: { signal: Signal }): void;
  location?: { href: string; origin: string; protocol: string };
  navigator?: {
    onLine?: boolean;
    permissions?: { query(permission: { name: string }): Promise<{ state: string }> };
  };
};
declare const self: Surroundings | undefined;

/** A page's or a worker's; in Node there are none. */
export function surroundings(): Surroundings {
  return typeof self === 'undefined' ? {} : self;
}
