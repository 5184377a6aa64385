/**
 * A server that ends TLS and passes the bytes on unchanged, as the entry of a private cloud or a company's gateway does.
 * It reads nothing of what it passes on.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/** Starts it on a free port of 127.0.0.1, before the server that it leads to has a port. */
export async function startTlsFront({ cert, key }: { cert: string; key: string }) {
  let target: number | undefined;
  const sockets = new Set<TLSSocket>();
  /** The name (SNI) that each connection asked for. */
  const names: string[] = [];
  const server = createServer({ cert, key }, (socket) => {
    // Node has it, its types do not.
    names.push(String(Reflect.get(socket, 'servername')));
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    if (target === undefined) return void socket.destroy();
    const onward = connect(target, '127.0.0.1');
    // A side that is over takes the other with it.
    onward.on('error', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');

  return {
    port: address.port,
    names,
    leadTo(port: number): void {
      target = port;
    },
    async close(): Promise<void> {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
