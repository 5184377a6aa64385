/** The sockets of an HTTP client, to see that it gives each of them back. */
import type { Agent } from 'node:http';

/** Resolves when all sockets that are in use now have been closed or given back. */
export async function untilUnused({ sockets }: Agent): Promise<void> {
  const used = Object.values(sockets).flatMap((some = []) => some);
  await Promise.all(
    used.map((socket) => new Promise((resolve) => socket.once('close', resolve).once('free', resolve))),
  );
}
