/**
 * Types that the modules of the fake IPD share: a request and an answer without sockets.
 * It has no behaviour beyond reading headers.
 */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export type IpdRequest = {
  method: string;
  /** Path and query as on the request line. */
  url: string;
  /** Names in lower case, as Node gives them. */
  headers: Headers;
  body: AsyncIterable<Uint8Array>;
  remotePort?: number;
};

export type IpdAnswer = { status: number; headers: Record<string, string>; body: Chunks };

/** An answer before it is framed: one of `json`, `text` or `chunks`. */
export type Reply = {
  status: number;
  headers?: Record<string, string>;
  json?: unknown;
  text?: string;
  chunks?: Chunks;
  /** The connection ends after this many bytes of the answer. */
  cutAfterBytes?: number;
};

export type Operation = 'upload' | 'list' | 'download' | 'token';

export type AuthKind = 'token' | 'aksk' | 'none';

/** Where attachments are kept. */
export type WorkItem = { projectId: string; issueId: string };

export type Attachment = WorkItem & {
  id: string;
  size: number;
  sha256: string;
  filename: string;
  rawFilename: string;
  contentType: string;
  /** Milliseconds since 1970; a file that is "stored minutes later" has a time in the future. */
  createdAt: number;
  /** The time from which the list shows it. */
  visibleAt: number;
  blob: string;
};

/** The connection ended, or is to end, without an answer. */
export class ConnectionLost extends Error {}

/** One header as one string. */
export function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

/** Splits the request line's target into its path and its query. */
export function targetOf(url: string): { path: string; query: URLSearchParams } {
  const [path = '/', ...query] = url.split('?');
  return { path, query: new URLSearchParams(query.join('?')) };
}
