/**
 * The log of requests and their outcomes, for tests to assert on: bounded, so that a long simulation does not grow.
 * An entry is added when the request begins and is completed later.
 */
import { headerOf, type AuthKind, type IpdRequest, type Operation } from './types.ts';

const ENTRIES_KEPT = 5000;

export type RequestRecord = {
  at: string;
  method: string;
  path: string;
  operation: Operation | null;
  issueId: string | null;
  auth: AuthKind;
  /** `pending`: stalled or still being read; `reset`: the connection ended without a whole answer. */
  outcome: 'pending' | 'answered' | 'reset';
  status: number | null;
  contentLength: number | null;
  chunked: boolean;
  /** Bytes of the body that were read before the answer. */
  bytes: number;
  /** Whether the body was read to its end. */
  complete: boolean;
  remotePort: number | null;
};

/** The log; `entries` is always the same array. */
export function createRequestLog() {
  const entries: RequestRecord[] = [];

  function open(
    request: IpdRequest,
    fields: Pick<RequestRecord, 'at' | 'path' | 'operation' | 'issueId' | 'auth'>,
  ) {
    const length = headerOf(request.headers, 'content-length');
    const record: RequestRecord = {
      ...fields,
      method: request.method,
      outcome: 'pending',
      status: null,
      contentLength: length === undefined ? null : Number(length),
      chunked: headerOf(request.headers, 'transfer-encoding')?.includes('chunked') === true,
      bytes: 0,
      complete: false,
      remotePort: request.remotePort ?? null,
    };
    entries.push(record);
    if (entries.length > ENTRIES_KEPT) entries.shift();
    return record;
  }

  return {
    entries,
    open,
    clear: () => {
      entries.length = 0;
    },
  };
}
