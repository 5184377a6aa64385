/** How a file's bytes pass from storage to IPD: the interface between their adapters. */

/**
 * Takes a chunk. If it returns a promise, it takes the next chunk only after that has resolved. Throws `abandoned`
 * once the exchange is over.
 */
export type Sink = (chunk: Uint8Array) => Promise<void> | undefined;

/**
 * Writes all its bytes into a sink, chunk by chunk as they come: a chunk that waits costs memory and CPU. The signal
 * aborts, with `abandoned`, when the exchange is over.
 */
export type Source = (sink: Sink, signal: AbortSignal) => Promise<void>;

/** The error that ends a source when the exchange is over before the body is. */
export const abandoned = new Error('the exchange is over');
