import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { readText, send } from '../../../lib/ipd/wire.ts';

const BENCH = new URL('../../../bench/', import.meta.url);
/** Of each connection: whether its handshake was a resumed one. */
const resumed: boolean[] = [];
const trusted = getCACertificates();
let server: Server;

beforeAll(async () => {
  const cert = await readFile(new URL('stub-server.cert.pem', BENCH), 'utf8');
  const key = await readFile(new URL('stub-server.key.pem', BENCH));
  server = createServer({ cert, key }, (_request, response) => response.end('well'));
  server.on('secureConnection', (socket: TLSSocket) => resumed.push(socket.isSessionReused()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // The certificate is its own authority.
  setDefaultCACertificates([...trusted, cert]);
});
afterAll(async () => {
  setDefaultCACertificates(trusted);
  server.close();
  await once(server, 'close');
});

it('each exchange has a connection of its own, and resumes the TLS of the one before', async () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const url = new URL(`https://127.0.0.1:${address.port}/`);
  const signal = AbortSignal.timeout(300_000);

  for (let count = 0; count < 3; count += 1) {
    const { body } = await send({ method: 'GET', url, headers: {}, signal, idleMs: 300_000 });
    expect(await readText(body)).toBe('well');
  }

  expect(resumed).toEqual([false, true, true]);
});
