/**
 * The types that the socket (server.ts), the routing (api.ts) and the operations share.
 * No behaviour beyond the form of an answer.
 */
export type Headers = Readonly<Record<string, string | undefined>>;

export type S3Request = {
  method: string;
  /** Path and query as in the request line. */
  url: string;
  /** Names in lower case. */
  headers: Headers;
  body: AsyncIterable<Uint8Array>;
};

export type S3Response = {
  status: number;
  headers: Record<string, string>;
  body?: string | Buffer | AsyncIterable<Uint8Array>;
};

/** One authenticated request, as an operation sees it. */
export type Call = {
  bucket: string;
  /** Decoded; empty for operations on the bucket. */
  key: string;
  query: URLSearchParams;
  /** Including the `x-amz-*` parameters of a presigned URL, which S3 reads as headers. */
  headers: Headers;
  body: AsyncIterable<Uint8Array>;
  /** The signed `x-amz-content-sha256`. */
  payloadHash: string;
  now: Date;
  requestId: string;
  /** Throws AccessDenied when the caller may not do this, too: a copy reads its source. */
  requireAlso(operation: string, on: { bucket: string; key: string }): void;
};

export type Operation = (call: Call) => Promise<S3Response>;

/** A successful answer with an XML document. */
export function xmlAnswer(body: string, headers: Record<string, string> = {}): S3Response {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body };
}
