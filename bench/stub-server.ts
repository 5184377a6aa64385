/**
 * The stub server of a delivery: storage and IPD, over http and over https. It runs in a process of its own, so that a
 * carrier's figures are of the carrying and nothing else. Ends with its parent.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { listen } from '../local/listen.ts';
import type { StubMessage } from './servers.ts';
import { createIpdAnswers } from './stub-ipd.ts';
import { answerStorage } from './stub-storage.ts';

const answerIpd = createIpdAnswers((size) => tell({ received: size }));

// Ctrl-C reaches the whole process group; the parent decides when this process ends.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));

/** Long enough that a carrier that first reads the whole file still finds the connection of the file before open. */
const options = { keepAliveTimeout: 120_000 };
const [plain, tls] = await Promise.all([
  listen(createServer(options, answer), 0),
  // Made for this bench alone, for loopback only, so its key is no secret.
  listen(createTlsServer({ ...options, cert: pem('cert'), key: pem('key') }, answer), 0),
]);
tell({ plain: plain.url, tls: tls.url.replace('http:', 'https:') });

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (/^\/v[13]\//.test(request.url ?? '')) answerIpd(request, response);
  else answerStorage(request, response);
}

function pem(part: 'cert' | 'key'): Buffer {
  return readFileSync(join(import.meta.dirname, `stub-server.${part}.pem`));
}

function tell(message: StubMessage): void {
  process.send?.(message);
}
