/** How a file's bytes pass from storage to IPD: the seam between the adapters of both. */

/**
 * Takes a chunk; a promise tells that it takes no more until that has resolved. Throws `abandoned` once nobody takes
 * anything any more.
 */
export type Sink = (chunk: Uint8Array) => Promise<void> | undefined;

/**
 * Pours all its bytes into a sink, chunk by chunk as they come: one that waits costs memory and CPU. The signal aborts,
 * with `abandoned`, when the exchange is over.
 */
export type Source = (sink: Sink, signal: AbortSignal) => Promise<void>;

/** What ends a source when the exchange is over before the body is. */
export const abandoned = new Error('the exchange is over');
