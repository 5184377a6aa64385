/**
 * A small working upload API with its storage on one free port: it keeps what is sent, moves an
 * upload one state on with every look, and logs each request. Faults are answers queued per call.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';

type Answer = { status: number; headers?: Record<string, string>; body?: string | object };
type Fault = Answer | 'reset' | 'lose-answer' | 'hang';
type Logged = { call: string; headers: IncomingMessage['headers']; chunked: boolean; bytes: number };
type Resource = Record<string, unknown> & { id: string; status: string; size: number };
type Kept = { upload: Resource; looks: number; file?: Buffer };

const creation = z.looseObject({ size: z.int() });
const STEPS = ['staged', 'delivering', 'delivered'];

export const ATTACHMENT_ID = '956239067176999001';

export function problem(status: number, code: string, more: object = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/problem+json' },
    body: { status, code, title: code, detail: `About ${code}`, retryable: false, traceId: 't-1', ...more },
  };
}

export function storageRefusal(status: number, code: string, message: string): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}

/** Starts the server; `fault` makes the next request of a call ("PUT /storage") go wrong. */
export async function startUploadApi({ retryAfter = '0' }: { retryAfter?: string } = {}) {
  const log: Logged[] = [];
  const uploads = new Map<string, Kept>();
  const byKey = new Map<string, string>();
  const faults: { call: string; fault: Fault }[] = [];
  const waiters: { call: string; resolve: () => void }[] = [];
  let generation = 1;

  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', url);
    const [area, collection, id = '', action] = pathname.split('/').slice(1);
    const call = [
      request.method,
      area === 'storage' ? 'storage' : [collection, id && ':id', action].filter(Boolean).join('/'),
    ].join(' /');
    waiters.filter((waiter) => waiter.call === call).forEach((waiter) => waiter.resolve());
    const found = faults.findIndex((planned) => planned.call === call);
    const fault = found < 0 ? undefined : faults.splice(found, 1)[0]?.fault;
    if (fault === 'reset') return void request.socket.destroy();

    const body = await buffer(request);
    const { headers } = request;
    log.push({ call, headers, chunked: headers['transfer-encoding'] !== undefined, bytes: body.length });
    if (fault === 'hang') return;
    if (typeof fault === 'object') return answer(response, fault);

    const result = route({
      call,
      id: id || String(collection),
      body,
      headers,
      signed: searchParams.get('generation'),
    });
    if (fault === 'lose-answer') return void request.socket.destroy();
    answer(response, result);
  }

  function route(request: {
    call: string;
    id: string;
    body: Buffer;
    headers: IncomingMessage['headers'];
    signed: string | null;
  }): Answer {
    if (request.call === 'POST /uploads') return create(request.body, request.headers);
    if (request.call === 'GET /limits') return { status: 200, body: { maxFileBytes: 52_428_800 } };
    const kept = uploads.get(request.id);
    if (!kept) return problem(404, 'not_found');
    switch (request.call) {
      case 'PUT /storage':
        return store(kept, request);
      case 'POST /uploads/:id/urls':
        generation += 1;
        return { status: 200, body: withUrl(kept) };
      case 'DELETE /uploads/:id':
        kept.upload.status = 'cancelled';
        return { status: 200, body: kept.upload };
      default:
        return look(kept, request.headers['if-none-match']);
    }
  }

  function create(body: Buffer, headers: IncomingMessage['headers']): Answer {
    const key = String(headers['idempotency-key']);
    const known = uploads.get(byKey.get(key) ?? '');
    if (known) return { status: 200, body: withUrl(known) };
    const id = randomUUID();
    byKey.set(key, id);
    const upload = {
      ...creation.parse(JSON.parse(body.toString())),
      id,
      status: 'awaiting_upload',
      staging: { mode: 'single', bytesStored: 0 },
      delivery: { attempts: 0, bytesSent: 0 },
      attachment: null,
      error: null,
    };
    uploads.set(id, { upload, looks: 0 });
    return { status: 201, body: withUrl({ upload, looks: 0 }) };
  }

  function withUrl({ upload }: Kept): object {
    const staging = {
      mode: 'single',
      bytesStored: 0,
      method: 'PUT',
      url: `${url}/storage/${upload.id}?generation=${generation}`,
      headers: { 'content-type': upload['contentType'], 'if-none-match': '*' },
      expiresInSeconds: 3600,
    };
    return upload.status === 'awaiting_upload' ? { ...upload, staging } : upload;
  }

  function store(kept: Kept, { body, signed }: { body: Buffer; signed: string | null }): Answer {
    if (signed !== String(generation)) return storageRefusal(403, 'AccessDenied', 'Request has expired');
    if (kept.file) return storageRefusal(412, 'PreconditionFailed', 'At least one condition did not hold');
    kept.file = body;
    return { status: 200 };
  }

  function look(kept: Kept, ifNoneMatch: string | undefined): Answer {
    const step = kept.file && STEPS[Math.min(Math.floor(kept.looks / 2), STEPS.length - 1)];
    if (step) kept.looks += 1;
    const { upload } = kept;
    const etag = `"${step ?? upload.status}"`;
    const headers = { etag, 'retry-after': retryAfter };
    if (ifNoneMatch === etag) return { status: 304, headers };
    if (step) upload.status = step;
    const sent = { staged: 0, delivering: Math.floor(upload.size / 2) }[upload.status] ?? upload.size;
    upload['delivery'] = { attempts: 1, bytesSent: step ? sent : 0 };
    upload['attachment'] = upload.status === 'delivered' ? { id: ATTACHMENT_ID } : null;
    return { status: 200, headers, body: upload };
  }

  return {
    url,
    log,
    bodies: () => [...uploads.values()].map(({ upload }) => upload),
    calls: () => log.map((entry) => entry.call),
    fault: (call: string, ...answers: Fault[]) =>
      void faults.push(...answers.map((fault) => ({ call, fault }))),
    /** Resolves when the next request of this call has arrived. */
    arrival: (call: string) =>
      new Promise<void>((resolve) => {
        waiters.push({ call, resolve });
      }),
    expireUrls: () => void (generation += 1),
    statuses: () => [...uploads.values()].map(({ upload }) => upload.status),
    hashes: () =>
      [...uploads.values()].map(({ file }) => file && createHash('sha256').update(file).digest('hex')),
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function answer(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  const json = typeof body === 'object';
  response.writeHead(status, { ...(json && { 'content-type': 'application/json' }), ...headers });
  response.end(json ? JSON.stringify(body) : body);
}
