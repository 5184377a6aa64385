/**
 * The servers that a function of a bench speaks to: storage and IPD (the stub server), a ledger and a queue, each in a
 * process of its own, whose CPU no figure holds. And the environment that the template gives to a function beside them.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { makeIpdCredentials } from '../local/keys.ts';
import { deployEnvironment, lambdaEnvironment } from '../local/settings.ts';
import { functionsOf, readService } from '../local/template.ts';
import { BUCKET } from './arrival.ts';
import { SERVICE_DIRECTORY, startLedger } from './ledger.ts';

export type StubMessage = z.infer<typeof readyMessage | typeof receivedMessage>;

export type Servers = Awaited<ReturnType<typeof startServers>>;

export type Leg = 'plain' | 'tls';

const REGION = 'eu-central-1';

const readyMessage = z.object({ plain: z.string(), tls: z.string() });
const receivedMessage = z.object({ received: z.number() });

/** Starts all of them; the ledger's data lie in the directory. */
export async function startServers({ directory }: { directory: string }) {
  const ledger = await startLedger({ directory });
  const stubServer = fork(path('stub-server.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const stubUrls = readyMessage.parse((await once(stubServer, 'message'))[0]);
  const received: number[] = [];
  stubServer.on('message', (message) => {
    received.push(receivedMessage.parse(message).received);
  });

  return {
    ledger,
    stubUrls,
    /** The sizes of the files that IPD took; the bench empties it. */
    received,
    /** The environment that the template gives to the function under these settings of a deploy. */
    environmentOf(
      key: string,
      { leg, settings }: { leg: Leg; settings: Record<string, string> },
    ): Record<string, string> {
      const urls = {
        apiUrl: stubUrls.plain,
        issuerUrl: stubUrls.plain,
        s3Url: stubUrls[leg],
        ipdUrl: stubUrls[leg],
        snsUrl: ledger.urls.sqsUrl,
        ...ledger.urls,
      };
      // Not the environment of the user who runs the bench: only the settings that the bench needs.
      const env = deployEnvironment(settings, { urls }, makeIpdCredentials());
      const service = readService({ directory: SERVICE_DIRECTORY, env });
      const staging = { ref: BUCKET, attributes: { Arn: `arn:aws:s3:::${BUCKET}` } };
      const functions = functionsOf(service, { ...ledger.references, StagingBucket: staging });
      const definition = functions.find((one) => one.key === key);
      return {
        ...definition?.environment,
        ...lambdaEnvironment(ledger.credentials, REGION, urls),
        NODE_EXTRA_CA_CERTS: path('stub-server.cert.pem'),
      };
    },
    async stop(): Promise<void> {
      const exited = once(stubServer, 'exit');
      stubServer.disconnect();
      await Promise.all([exited, ledger.stop()]);
    },
  };
}

function path(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
