/**
 * The local S3 on a socket: listens on loopback, keeps its data in a directory, sends events to SQS.
 * The behaviour of S3 is in api.ts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Allows } from '../iam/policy.ts';
import { listen } from '../listen.ts';
import type { Reach } from '../listen.ts';
import { createS3Api, type LoggedRequest } from './api.ts';
import type { Credentials } from './auth.ts';
import { createSqsPublisher, type Publish } from './events.ts';
import { openDiskStore } from './store.ts';

export type S3Server = {
  url: string;
  publicUrl: string;
  port: number;
  /** The latest requests, oldest first. */
  requests: readonly LoggedRequest[];
  /** Stops listening, closes open connections and waits for running requests. */
  close(): Promise<void>;
};

/** Starts the server; port 0 means any free port. Without `sqsEndpoint` no bucket can name a queue. */
export async function startS3(options: {
  port: number;
  dataDirectory: string;
  credentials: readonly [Credentials, ...Credentials[]];
  region: string;
  sqsEndpoint?: string;
  /** Other hosts under which clients reach it, with their ports. */
  hosts?: string[];
  reach?: Reach;
  clock?: () => number;
  allows?: Allows | undefined;
}): Promise<S3Server> {
  const {
    port,
    dataDirectory,
    credentials,
    region,
    sqsEndpoint,
    hosts = [],
    reach,
    clock = Date.now,
    allows,
  } = options;
  const publisher =
    sqsEndpoint === undefined
      ? undefined
      : createSqsPublisher({ endpoint: sqsEndpoint, region, credentials: credentials[0] });
  const publish: Publish =
    publisher === undefined ? refuseToPublish : (message) => publisher.publish(message);
  const api = createS3Api({
    store: openDiskStore(dataDirectory),
    credentials,
    region,
    clock,
    publish,
    allows,
  });

  const serving = new Set<Promise<unknown>>();

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    isWaiting: boolean,
  ): Promise<void> {
    let isRead = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      isRead = true;
      if (isWaiting) response.writeContinue();
      // If the request were destroyed, the connection would end before the client reads a refusal.
      yield* request.iterator({ destroyOnReturn: false });
    }
    const answer = await api.handle({
      method: request.method ?? '',
      url: request.url ?? '',
      headers: Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      ),
      body: body(),
    });
    // A client that waits for "100 Continue" does not send its body after this answer.
    if (isWaiting && !isRead) response.setHeader('connection', 'close');
    response.writeHead(answer.status, answer.headers);
    if (answer.body === undefined || typeof answer.body === 'string' || Buffer.isBuffer(answer.body)) {
      response.end(answer.body);
    } else {
      await pipeline(Readable.from(answer.body), response);
    }
    request.resume();
  }

  function take(request: IncomingMessage, response: ServerResponse, isWaiting: boolean): void {
    const served = serve(request, response, isWaiting)
      .catch(() => response.destroy())
      .finally(() => serving.delete(served));
    serving.add(served);
  }

  // A large upload over a slow connection may take longer than Node's default.
  const server = createServer({ requestTimeout: 0 }, (request, response) => take(request, response, false));
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) =>
    take(request, response, true),
  );
  const listening = await listen(server, port, { hosts, reach });

  return {
    ...listening,
    requests: api.requests,
    async close() {
      await listening.close();
      await Promise.allSettled(serving);
      await publisher?.close();
    },
  };
}

async function refuseToPublish(): Promise<void> {
  throw new Error('No SQS endpoint was given.');
}
