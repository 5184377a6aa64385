/**
 * A line to a server that can be cut and mended: while it is cut, open connections are dead and new ones are refused, as
 * where a network is gone. Its `fetch` counts the requests that get no answer.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';

export async function startCutLine(target: () => string) {
  const sockets = new Set<Socket>();
  const waiters = new Set<() => void>();
  let failures = 0;
  const server = createServer((near) => {
    const { hostname, port } = new URL(target());
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;

  const cut = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  const countingFetch: typeof fetch = async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      failures += 1;
      for (const wake of waiters) wake();
      throw error;
    }
  };
  return {
    url: `http://127.0.0.1:${port}`,
    fetch: countingFetch,
    cut,
    async mend(): Promise<void> {
      failures = 0;
      if (server.listening) return;
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    /** Resolves when so many requests have got no answer since the line was mended. */
    failures(count: number): Promise<void> {
      return new Promise((resolve) => {
        const wake = (): void => {
          if (failures < count) return;
          waiters.delete(wake);
          resolve();
        };
        waiters.add(wake);
        wake();
      });
    },
    close: cut,
  };
}
