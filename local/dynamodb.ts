/**
 * DynamoDB for the embedded stack: dynalite, given only requests that were read to their end. By itself it throws
 * out of an event listener when a client goes away in the middle of a request, as a function killed at its timeout
 * does, and would take the whole stack along.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import createDynalite from 'dynalite';
import { listen } from './listen.ts';

/** Starts DynamoDB on loopback; tables and items live in `dataDirectory` and survive a restart. */
export async function startDynamoDb({ port, dataDirectory }: { port: number; dataDirectory: string }) {
  // dynalite opens its database at once and closes it only when it listened, so the port is tried before.
  const trial = await listen(createServer(), port);
  await trial.close();
  const server = createDynalite({
    path: dataDirectory,
    createTableMs: 0,
    deleteTableMs: 0,
    updateTableMs: 0,
  });
  const handlers = server.listeners('request');
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    complete(request).then(
      (whole) => handlers.map((handle) => handle.call(server, whole, response)),
      () => response.destroy(),
    );
  });
  return listen(server, port);
}

async function complete(request: IncomingMessage): Promise<Readable> {
  const { method, url, headers } = request;
  return Object.assign(Readable.from([await buffer(request)]), { method, url, headers });
}
