/** Answers of the small upload API: problem documents as our functions write them, and the XML of storage. */
export type Answer = { status: number; headers?: Record<string, string>; body?: string | object };

export function problem(status: number, code: string, more: object = {}): Answer {
  const detail = `About ${code}`;
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: { status, code, title: code, detail, message: detail, retryable: false, traceId: 't-1', ...more },
  };
}

export function storageRefusal(status: number, code: string, message: string): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}
