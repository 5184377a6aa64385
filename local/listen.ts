/**
 * Opens and closes ports, on loopback unless the user says otherwise. Owns the error message for a port that is in use.
 */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { guardVisitors } from './visitors.ts';
import type { Pages } from './visitors.ts';

/**
 * Which networks reach a server: those of `bind`, the address of loopback or of all networks of this machine.
 * `publicHost` is another name of this machine, by which a device reaches it; URLs for others then have that name.
 */
export type Reach = { bind: '127.0.0.1' | '0.0.0.0' | '::'; publicHost?: string | undefined };

const LOOPBACK_ONLY: Reach = { bind: '127.0.0.1' };

/**
 * Listens, on 127.0.0.1 where no `reach` is given; port 0 means any free port. `url` is for programs of this machine,
 * `publicUrl` for all others. `close` also ends open connections. The server refuses requests whose Host is neither
 * loopback nor the public host nor one of `hosts`, and requests of web pages that `pages` does not allow.
 */
export async function listen(
  server: Server,
  port: number,
  {
    pages = { kind: 'own rules' },
    hosts = [],
    reach: { bind, publicHost } = LOOPBACK_ONLY,
  }: { pages?: Pages; hosts?: string[]; reach?: Reach | undefined } = {},
): Promise<{ url: string; publicUrl: string; port: number; close: () => Promise<void> }> {
  guardVisitors(server, { pages, hosts, publicHost });
  // Idle connections stay open: a client on a busy machine that sends just when the server closes one gets a reset.
  server.keepAliveTimeout = 0;
  server.listen(port, bind);
  await once(server, 'listening');
  const address = addressOf(server);
  return {
    ...address,
    publicUrl: publicHost === undefined ? address.url : `http://${publicHost}:${address.port}`,
    close: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      await closed.promise;
    },
  };
}

/** Where a server listens, by its address on loopback. */
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
