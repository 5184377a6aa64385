/**
 * SQS and SNS for the embedded stack: fauxqs on loopback, in memory. A restart forgets what was queued; the ledger
 * does not, so the sweep queues it again.
 */
import { buildApp } from 'fauxqs';
import { addressOf } from './listen.ts';

/** Starts both services on one port of loopback. */
export async function startSqs({ port, region }: { port: number; region: string }) {
  // Not fauxqs' own start function: that one listens on every interface.
  const app = buildApp({ logger: false, defaultRegion: region });
  await app.listen({ host: '127.0.0.1', port });
  return {
    ...addressOf(app.server),
    close: async () => {
      // Long polls would hold it open for 20 s.
      app.server.closeAllConnections();
      await app.close();
    },
  };
}
