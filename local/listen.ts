/**
 * Opens and closes loopback ports. Owns the error message for a port that is in use.
 */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { guardVisitors } from './visitors.ts';
import type { Pages } from './visitors.ts';

/**
 * Listens on 127.0.0.1; port 0 means any free port. `close` also ends open connections. The server refuses requests
 * whose Host is neither loopback nor one of `hosts`, and requests of web pages that `pages` does not allow.
 */
export async function listen(
  server: Server,
  port: number,
  { pages = { kind: 'own rules' }, hosts = [] }: { pages?: Pages; hosts?: string[] } = {},
): Promise<{ url: string; port: number; close: () => Promise<void> }> {
  guardVisitors(server, pages, hosts);
  // Idle connections stay open: a client on a busy machine that sends just when the server closes one gets a reset.
  server.keepAliveTimeout = 0;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...addressOf(server),
    close: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

/** Where a server listens. */
export function addressOf(server: Server): { url: string; port: number } {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port');
  return { url: `http://127.0.0.1:${address.port}`, port: address.port };
}

/** Runs `start`; when the port is in use, throws one line: which part, which port, which variable changes it. */
export async function claimPort<T>(
  claim: { part: string; port: number; variable: string },
  start: (port: number) => Promise<T>,
): Promise<T> {
  try {
    return await start(claim.port);
  } catch (cause) {
    if (!isPortTaken(cause)) throw cause;
    throw new Error(
      `${claim.part}: port ${claim.port} is already in use; set ${claim.variable} to another one`,
      { cause },
    );
  }
}

function isPortTaken(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EADDRINUSE';
}
