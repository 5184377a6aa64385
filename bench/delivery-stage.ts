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
import type { Carried, Load } from './carrier.ts';
import { BUCKET, arrivalEvent, newUpload, uploadPath } from './arrival.ts';
import { sha256Of } from './stub-file.ts';
import { startServers } from './servers.ts';
import type { Leg } from './servers.ts';
import { packageFunctions } from './packaged.ts';
import { MIB } from '../lib/domain/units.ts';

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
const PEERS = ['bare-pipe', 'axios-stream', 'axios-lean', 'axios-buffer', 'fetch-blob'];

const carried = z.object({
  cpuSeconds: z.number(),
  systemSeconds: z.number(),
  pageFaults: z.number(),
  wallSeconds: z.number(),
  peakMiB: z.number(),
});

/** Builds and starts everything; `largest` is the longest file that will be carried. */
export async function openStage({ largest, log }: { largest: number; log: (line: string) => void }) {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-delivery-'));
  log('packaging the functions');
  const [packaged] = await Promise.all([packageFunctions(directory), bundleCarriers(directory)]);
  const packagePath = packaged.get('deliver')?.path ?? '';
  const servers = await startServers({ directory: join(directory, 'ledger') });
  const { ledger, received, stubUrls } = servers;
  const hashes = new Map<number, string>();

  // The peers have the same.
  const settings = { MAX_FILE_BYTES: String(largest) };
  const environments = {
    plain: servers.environmentOf('deliver', { leg: 'plain', settings }),
    tls: servers.environmentOf('deliver', { leg: 'tls', settings }),
  };

  /** Carries a small file and then this one in a new process. Throws when one of them did not arrive whole. */
  async function carry(errand: Errand): Promise<Carried> {
    const { subject, leg } = errand;
    const sizes = [WARM_UP_BYTES, errand.size];
    const uploads = sizes.map((size) =>
      newUpload({ size, sha256: errand.isHashed ? declared(size) : undefined }),
    );
    if (subject === 'bridge') await ledger.add(uploads);
    received.length = 0;
    const loads = uploads.map((upload) => JSON.stringify(loadOf(upload, stubUrls[leg])));
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
      await servers.stop();
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

function loadOf({ id, size }: Upload, stubUrl: string): Load {
  const key = `staging/${id}`;
  return {
    bucket: BUCKET,
    key,
    size,
    fileUrl: `${stubUrl}/${BUCKET}/${key}`,
    uploadUrl: stubUrl + uploadPath(),
    event: arrivalEvent({ key, size }),
  };
}

function path(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
