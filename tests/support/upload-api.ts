/**
 * A small working upload API with its storage on one free port: a store that keeps what is sent, behind
 * HTTP that logs each request. Faults are answers queued per call, such as "PUT /storage" or "PUT /parts/3".
 */
import { afterAll, afterEach } from '@jest/globals';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { problem } from './upload-answers.ts';
import type { Answer } from './upload-answers.ts';
import { createUploadStore } from './upload-store.ts';
import type { StoreOptions } from './upload-store.ts';

export { problem, storageRefusal } from './upload-answers.ts';
export { ATTACHMENT_ID, LINK } from './upload-store.ts';

/** `hang` reads the body and does nothing; with a lost answer, the request has taken effect. */
type Fault = Answer | 'reset' | 'lose-answer' | 'hang';
type Logged = { call: string; headers: IncomingHttpHeaders; chunked: boolean; bytes: number; status: number };
type Waiter = { isOver: () => boolean; resolve: () => void };

/** The API's answer to GET /limits. */
export const LIMITS = {
  maxFileBytes: 52_428_800,
  maxAttachmentBytes: 52_428_800,
  oversize: 'refuse',
  stagingUrlTtlSeconds: 3600,
  uploadDeadlineSeconds: 259_200,
  partSizeBytes: 5_242_880,
  multipartThresholdBytes: 10_485_760,
  maxOpenUploads: 100,
  uploadsPerMinute: 60,
  breaker: { state: 'closed' },
};

/**
 * The API of a test file: it starts while jest loads the file, forgets everything after each test, and is closed after
 * the last. `fault` makes the next request of a call go wrong.
 */
export async function useUploadApi(options: StoreOptions = {}) {
  const api = await startUploadApi(options);
  afterEach(() => api.reset());
  afterAll(() => api.close());
  return api;
}

async function startUploadApi(options: StoreOptions) {
  const log: Logged[] = [];
  const arrived: string[] = [];
  const faults: { call: string; fault: Fault }[] = [];
  const waiters = new Set<Waiter>();
  const hanging: ServerResponse[] = [];
  const base = options.base ?? (() => url);
  let store = createUploadStore(base, options);

  const server = createServer((request, response) => {
    void handle(request, response)
      .catch(() => response.destroy())
      .finally(wake);
  });
  // Otherwise a slow client may send just when the server closes the connection.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = new URL(request.url ?? '', url);
    const { call, id, number } = readPath(request.method, target.pathname);
    arrived.push(call);
    wake();
    const found = faults.findIndex((planned) => planned.call === call);
    const fault = found < 0 ? undefined : faults.splice(found, 1)[0]?.fault;
    if (fault === 'reset') return void request.socket.destroy();

    const body = await buffer(request);
    const { headers } = request;
    const chunked = headers['transfer-encoding'] !== undefined;
    const entry = { call, headers, chunked, bytes: body.length, status: 0 };
    log.push(entry);
    if (fault === 'hang') return void hanging.push(response);
    const result =
      typeof fault === 'object'
        ? fault
        : route({ call, id, number, body, headers, query: target.searchParams });
    entry.status = result.status;
    if (fault === 'lose-answer') return void request.socket.destroy();
    answer(response, result);
  }

  function route({ call, id, number, body, headers, query }: Routed): Answer {
    if (call === 'POST /uploads') return store.create(body, String(headers['idempotency-key']));
    if (call === 'GET /uploads') return store.list(query);
    if (call === 'GET /limits') return { status: 200, body: LIMITS };
    const kept = store.uploads.get(id);
    if (!kept) return problem(404, 'not_found');
    switch (call) {
      case 'GET /uploads/:id':
        return store.read(kept, headers['if-none-match']);
      case 'POST /uploads/:id/urls':
        return store.urls(kept);
      case 'POST /uploads/:id/complete':
        return store.complete(kept);
      case 'POST /uploads/:id/retry':
        return store.retry(kept);
      case 'DELETE /uploads/:id':
        return store.cancel(kept);
      default:
        return store.store(kept, { id, number, signed: query.get('generation'), body });
    }
  }

  function wake(): void {
    for (const waiter of waiters) {
      if (!waiter.isOver()) continue;
      waiters.delete(waiter);
      waiter.resolve();
    }
  }

  function until(isOver: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      waiters.add({ isOver, resolve });
      wake();
    });
  }

  const kept = () => [...store.uploads.values()];
  return {
    url,
    log,
    bodies: () => kept().map(({ upload }) => upload),
    calls: () => log.map((entry) => entry.call),
    fault: (call: string, ...answers: Fault[]) =>
      void faults.push(...answers.map((fault) => ({ call, fault }))),
    /** Resolves when the next request of this call has arrived. */
    arrival(call: string): Promise<void> {
      const before = arrived.length;
      return until(() => arrived.includes(call, before));
    },
    /** Resolves when at least this many parts of the latest upload are stored. */
    stored: (count: number) => until(() => (kept().at(-1)?.parts.size ?? 0) >= count),
    /** Makes storage forget a part of the latest upload. */
    lose: (number: number) => void kept().at(-1)?.parts.delete(number),
    /** Ends the latest upload without an attachment. */
    end(status: 'failed' | 'expired' | 'cancelled'): void {
      Object.assign(kept().at(-1)?.upload ?? {}, { status });
    },
    expireUrls: () => void (store.state.generation += 1),
    statuses: () => kept().map(({ upload }) => upload.status),
    /** Of the bytes that storage has, upload by upload. */
    hashes: () => kept().map(({ parts }) => (parts.size > 0 ? hash(parts) : undefined)),
    reset(): void {
      for (const list of [log, arrived, faults]) list.length = 0;
      for (const response of hanging.splice(0)) response.destroy();
      waiters.clear();
      store = createUploadStore(base, options);
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type Routed = {
  call: string;
  id: string;
  number: number;
  body: Buffer;
  headers: IncomingHttpHeaders;
  query: URLSearchParams;
};

function readPath(method = '', path: string): { call: string; id: string; number: number } {
  const [area, second = '', third = '', action] = path.split('/').slice(1);
  if (area === 'storage') return { call: `${method} /storage`, id: second, number: 0 };
  if (area === 'parts') return { call: `${method} /parts/${second}`, id: third, number: Number(second) };
  const call = [second, third && ':id', action].filter(Boolean).join('/');
  return { call: `${method} /${call}`, id: third, number: 0 };
}

function hash(parts: Map<number, Buffer>): string {
  const inOrder = [...parts].toSorted(([one], [other]) => one - other);
  const digest = createHash('sha256');
  for (const [, bytes] of inOrder) digest.update(bytes);
  return digest.digest('hex');
}

function answer(response: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  const json = typeof body === 'object';
  response.writeHead(status, { ...(json && { 'content-type': 'application/json' }), ...headers });
  response.end(json ? JSON.stringify(body) : body);
}
