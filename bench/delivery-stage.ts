/**
 * Everything that a delivery of the bench needs: the stub server, a ledger and a queue, each in a process of its own,
 * and one new process for each carrier. A file that did not arrive whole is an error, never a figure.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { z } from 'zod';
import type { Upload } from '../lib/domain/upload.ts';
import { makeIpdCredentials } from '../local/keys.ts';
import { deployEnvironment, lambdaEnvironment } from '../local/settings.ts';
import { functionsOf, readService } from '../local/template.ts';
import type { Carried, Load } from './carrier.ts';
import { ETAG, idForSize, sha256Of } from './stub-file.ts';
import { SERVICE_DIRECTORY, startLedger } from './ledger.ts';
import { packageFunctions } from './packaged.ts';
import { DAY_MS, MIB } from '../lib/domain/units.ts';

export type StubMessage = z.infer<typeof readyMessage | typeof receivedMessage>;

export type Leg = 'plain' | 'tls';

export type Errand = {
  /** `bridge`, or the name of a file in `peers/` without its extension. */
  subject: string;
  leg: Leg;
  size: number;
  /** The client has declared the file's SHA-256, so `deliver` hashes the file on the way. No peer does that. */
  isHashed?: boolean;
};

/** Enough for V8 to compile the code, and more than an access key may sign: both files need the token. */
const WARM_UP_BYTES = 16 * MIB;
/** A carrier that takes longer is an error. */
const CARRIER_LIMIT_MS = 300_000;
const REGION = 'eu-central-1';
const BUCKET = 'staging';
const PEERS = ['bare-pipe', 'axios-stream', 'axios-lean', 'axios-buffer', 'fetch-blob'];
const PLACE = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };

const readyMessage = z.object({ plain: z.string(), tls: z.string() });
const receivedMessage = z.object({ received: z.number() });
const carried = z.object({ cpuSeconds: z.number(), wallSeconds: z.number(), peakMiB: z.number() });

/** Builds and starts everything; `largest` is the longest file that will be carried. */
export async function openStage({ largest, log }: { largest: number; log: (line: string) => void }) {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-delivery-'));
  log('packaging the functions');
  const [packaged] = await Promise.all([packageFunctions(directory), bundleCarriers(directory)]);
  const packagePath = packaged.get('deliver')?.path ?? '';
  const ledger = await startLedger({ directory: join(directory, 'ledger') });
  const stubServer = fork(path('stub-server.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const farUrls = readyMessage.parse((await once(stubServer, 'message'))[0]);
  const received: number[] = [];
  stubServer.on('message', (message) => {
    received.push(receivedMessage.parse(message).received);
  });
  const hashes = new Map<number, string>();

  /** The environment that the template gives to the function; the peers have the same. */
  function environmentOf(leg: Leg): Record<string, string> {
    const urls = {
      apiUrl: farUrls.plain,
      issuerUrl: farUrls.plain,
      s3Url: farUrls[leg],
      ipdUrl: farUrls[leg],
      snsUrl: ledger.urls.sqsUrl,
      ...ledger.urls,
    };
    // Not the environment of the user who runs the bench: only the file size that the bench needs.
    const env = deployEnvironment({ MAX_FILE_BYTES: String(largest) }, urls, makeIpdCredentials());
    const service = readService({ directory: SERVICE_DIRECTORY, env });
    const staging = { ref: BUCKET, attributes: { Arn: `arn:aws:s3:::${BUCKET}` } };
    const functions = functionsOf(service, { ...ledger.references, StagingBucket: staging });
    const definition = functions.find(({ key }) => key === 'deliver');
    return {
      ...definition?.environment,
      ...lambdaEnvironment(ledger.credentials, REGION, urls),
      NODE_EXTRA_CA_CERTS: path('stub-server.cert.pem'),
    };
  }
  const environments = { plain: environmentOf('plain'), tls: environmentOf('tls') };

  /** Carries a small file and then this one in a new process. Throws when one of them did not arrive whole. */
  async function carry(errand: Errand): Promise<Carried> {
    const { subject, leg } = errand;
    const sizes = [WARM_UP_BYTES, errand.size];
    const uploads = sizes.map((size) => newUpload({ size, sha256: errand.isHashed && declared(size) }));
    if (subject === 'bridge') await ledger.add(uploads);
    received.length = 0;
    const loads = uploads.map((upload) => JSON.stringify(loadOf(upload, farUrls[leg])));
    const module =
      subject === 'bridge'
        ? join(packagePath, 'functions/deliver.mjs')
        : join(directory, `peers/${subject}.mjs`);
    const child = fork(join(directory, 'carrier.mjs'), [module, ...loads], {
      execArgv: [],
      env: environments[leg],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      timeout: CARRIER_LIMIT_MS,
    });
    const messages: unknown[] = [];
    child.on('message', (message) => messages.push(message));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (words: string) => {
        output += words;
      });
    }
    await once(child, 'close');
    const result = carried.safeParse(messages[0]);
    const states = subject === 'bridge' ? await Promise.all(uploads.map(({ id }) => ledger.find(id))) : [];
    const isWhole = String(received) === String(sizes) && states.every((one) => one?.status === 'delivered');
    if (result.success && isWhole) return result.data;
    throw new Error(`${subject} did not carry ${errand.size} bytes over ${leg}:\n${output}`);
  }

  function declared(size: number): string {
    const hash = hashes.get(size) ?? sha256Of(size);
    hashes.set(size, hash);
    return hash;
  }

  return {
    carry,
    async close(): Promise<void> {
      const exited = once(stubServer, 'exit');
      stubServer.disconnect();
      await Promise.all([exited, ledger.stop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Bundles each carrier into one JavaScript file, like the packaged functions: reading TypeScript would cost memory. */
async function bundleCarriers(directory: string): Promise<void> {
  await build({
    entryPoints: ['carrier', ...PEERS.map((name) => `peers/${name}`)].map((name) => path(`${name}.ts`)),
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
}

/** An upload whose file has just arrived: the record does not know it yet. */
function newUpload({ size, sha256 }: { size: number; sha256: string | undefined | false }): Upload {
  const now = new Date().toISOString();
  return {
    ...PLACE,
    id: idForSize(size),
    status: 'awaiting_upload',
    version: 1,
    owner: 'user-1',
    filename: 'file.bin',
    sentName: 'file.bin',
    contentType: 'application/octet-stream',
    size,
    ...(sha256 && { sha256 }),
    createdAt: now,
    updatedAt: now,
    uploadDeadline: new Date(Date.now() + DAY_MS).toISOString(),
    stagingChecks: 0,
    attempts: 0,
    failedAttempts: 0,
    bytesSent: 0,
  };
}

function loadOf({ id, size }: Upload, stubUrl: string): Load {
  const key = `staging/${id}`;
  const { projectId, issueId } = PLACE;
  const object = { key, size, eTag: ETAG };
  const body = JSON.stringify({ Records: [{ eventName: 'ObjectCreated:Put', s3: { object } }] });
  return {
    bucket: BUCKET,
    key,
    size,
    fileUrl: `${stubUrl}/${BUCKET}/${key}`,
    uploadUrl: `${stubUrl}/v1/ipdprojectservice/projects/${projectId}/issues/${issueId}/attachments/upload`,
    event: { Records: [{ messageId: 'message-1', body }] },
  };
}

function path(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
