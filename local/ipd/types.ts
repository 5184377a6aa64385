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

export const OPERATIONS = [
  'upload',
  'list',
  'download',
  'token',
  'linkList',
  'linkCreate',
  'linkUpdate',
  'linkDelete',
  'commentCreate',
  'commentList',
  'commentUpdate',
  'commentDelete',
] as const;

export type Operation = (typeof OPERATIONS)[number];

/** An attachment, a link or a comment in the form in which IPD answers it. */
export type Element = Record<string, unknown>;

/** What an operation has done: its answer, and what a fault may make of that. */
export type Done = {
  reply: Reply;
  /** It should have changed something, and has not. */
  isRefused?: boolean;
  /** What the answer names or lists; absent where it cannot name anything. */
  named?: Element[];
  /** All that the work item has of this kind, in the form in which the answer names one, the oldest first. */
  held?: () => Element[];
  /** The same answer with other elements. */
  frame?: (elements: Element[]) => Reply;
  /** That of the file that was stored, in bytes. */
  size?: number;
};

export type AuthKind = 'token' | 'aksk' | 'none';

/** Where attachments, links and comments are kept. */
export type WorkItem = { projectId: string; issueId: string };

/** All times in milliseconds since 1970; one in the future has not come yet. */
export type Row<Content> = WorkItem &
  Content & {
    id: string;
    createdAt: number;
    /** Absent: it stays. */
    goneAt?: number;
    /** The list shows it from then on, until `hiddenAt`. */
    visibleAt: number;
    hiddenAt?: number;
  };

export type StoredFile = {
  size: number;
  sha256: string;
  filename: string;
  rawFilename: string;
  contentType: string;
  blob: string;
};

export type Attachment = Row<StoredFile>;

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
