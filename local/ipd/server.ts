/**
 * Serves the fake IPD on the loopback interface. It sends the answers of `ipd.ts` unchanged and turns a reset into a
 * TCP reset.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from '../listen.ts';
import type { Reach } from '../listen.ts';
import { createDiskBlobs, createMemoryBlobs } from './blobs.ts';
import { createIpd, type Ipd, type IpdOptions } from './ipd.ts';
import { ConnectionLost } from './types.ts';

export type FakeIpdOptions = Omit<IpdOptions, 'clock' | 'random' | 'sleep' | 'blobs'> & {
  /** 0: any free port. */
  port: number;
  clock?: () => number;
  random?: () => number;
  /** Web origins whose pages may send requests, beside those of this machine. */
  origins?: string[];
  /** Further values of Host that are served, for a server before this one that has names of its own. */
  hosts?: string[];
  reach?: Reach;
  /** Keeps the bytes of attachments on disk rather than in memory. */
  dataDirectory?: string;
};

/** Starts a fake IPD; `requests` is its live log. */
export async function startFakeIpd(options: FakeIpdOptions) {
  const {
    port,
    clock = Date.now,
    random = Math.random,
    origins = [],
    hosts = [],
    reach,
    dataDirectory,
    ...rest
  } = options;
  const closing = new AbortController();
  const started = Promise.withResolvers<Ipd>();
  const server = createServer((request, response) => {
    void started.promise.then((ipd) => serve(ipd, request, response));
  });
  // A large file over a slow connection takes longer than Node's five minutes.
  server.requestTimeout = 0;
  // Node drops a complete request that is not read yet when its sender closes the connection. IPD may store it, and
  // that is the harder case. In no type, but in https://github.com/nodejs/node/blob/v24.x/lib/_http_server.js.
  Object.assign(server, { httpAllowHalfOpen: true });
  const listening = await listen(server, port, { pages: { kind: 'local', origins }, hosts, reach });
  // The server empties the directory only after it has the port: until then another server may be using it.
  const blobs = dataDirectory === undefined ? createMemoryBlobs() : await createDiskBlobs(dataDirectory);
  const ipd = createIpd({
    ...rest,
    clock,
    random,
    blobs,
    sleep: (milliseconds) =>
      sleep(milliseconds, undefined, { signal: closing.signal }).catch((cause: unknown) => {
        throw new ConnectionLost('the server is closing', { cause });
      }),
  });
  started.resolve(ipd);

  return {
    ...listening,
    requests: ipd.admin.requests,
    async close(): Promise<void> {
      closing.abort();
      await listening.close();
    },
  };
}

async function serve(ipd: Ipd, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/', headers, socket } = request;
  const incoming: AsyncIterator<Uint8Array> = request[Symbol.asyncIterator]();
  // The iterator has no `return`, so that a reader that stops early does not close the connection.
  const body = { [Symbol.asyncIterator]: () => ({ next: () => incoming.next() }) };
  try {
    const answer = await ipd.handle({ method, url, headers, body, remotePort: socket.remotePort ?? 0 });
    if (answer === 'reset') {
      socket.resetAndDestroy();
      return;
    }
    response.writeHead(answer.status, answer.headers).flushHeaders();
    await pipeline(answer.body, response, { end: false });
    // After an early answer, reads and drops the rest of the request before it ends the answer. Otherwise the end of
    // the answer may close the connection, later bytes then reset it, and the client loses the answer.
    for await (const _ of body);
    response.end();
  } catch (error) {
    if (response.headersSent) {
      socket.destroy();
      return;
    }
    const text = error instanceof Error ? error.stack : 'unknown error';
    response.writeHead(500, { connection: 'close' }).end(text);
  }
}
