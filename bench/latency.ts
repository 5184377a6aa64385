/**
 * How long after a phone has sent its last byte is the attachment recorded? Measured on the embedded stack with the
 * real functions. Beside it, the bare pipe carries the same bytes from the same storage into the same IPD.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { z } from 'zod';
import { mintToken } from '../cli/local-stack.ts';
import { createClient } from '../packages/client/src/node.ts';
import type { IpdCredentials } from '../local/keys.ts';
import { startStack } from '../local/stack.ts';
import { STAGING_BUCKET } from './backlog.ts';
import { createEndings } from './endings.ts';
import type { Pipe } from './peers/bare-pipe.ts';
import type { Put } from './phone-process.ts';
import { PROJECT_ID } from './records.ts';
import { quantile } from './report.ts';
import type { Bench, Figures, Options, Row } from './report.ts';
import { MIB } from '../lib/domain/units.ts';

const SIZES = { '1 KiB': 1024, '50 MiB': 50 * MIB };
const ROUNDS = 40;
/** The functions have started and have compiled what they run. */
const WARM_UP_ROUNDS = 3;
/** The local parts keep their files in memory where Linux offers it, so that the figures do not depend on a disk. */
const MEMORY = '/dev/shm';
const REGION = 'eu-central-1';
const PHONE = fileURLToPath(new URL('phone-process.ts', import.meta.url));
const PIPE = fileURLToPath(new URL('pipe-process.ts', import.meta.url));

const failure = z.object({ error: z.string() });
const phoneAnswer = z.union([z.object({ status: z.number(), sha256: z.string(), at: z.number() }), failure]);
const pipeAnswer = z.union([z.object({ ms: z.number() }), failure]);
const received = z.array(z.object({ sha256: z.string() }));

type Times = { bridge: number[]; pipe: number[] };

export const bench: Bench = { limits: { overRawMs50MiBp95: 150 }, measure };

async function measure({ rounds = ROUNDS, log }: Options): Promise<Figures> {
  const times = new Map(Object.keys(SIZES).map((name): [string, Times] => [name, { bridge: [], pipe: [] }]));
  const scene = await openScene();
  try {
    for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
      if (round % 10 === 0) log(`round ${round} of ${rounds}`);
      for (const [name, size] of Object.entries(SIZES)) {
        const bridge = await scene.upload(size, 1000 + round);
        const pipe = await scene.pipe(size, 2000 + round);
        if (round < 0) continue;
        times.get(name)?.bridge.push(bridge);
        times.get(name)?.pipe.push(pipe);
      }
      await scene.forgetFiles();
    }
    await scene.verify();
  } finally {
    await scene.close();
  }
  return figures(times);
}

/** The stack, a user's phone and the pipe, each in a process of its own, as in production. */
async function openScene() {
  const directory = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'bridge-latency-'));
  const endings = createEndings();
  const stack = await startStack({
    ports: 'free',
    dataDirectory: directory,
    environment: { UPLOADS_PER_MINUTE: '1000' },
    onLog: endings.onLog,
  });
  const { urls } = stack;
  await stack.warm();
  const client = createClient({ apiUrl: urls.apiUrl, token: await mintToken(urls.tokenUrl, 'bench') });
  const s3 = new S3Client({
    region: REGION,
    endpoint: urls.s3Url,
    forcePathStyle: true,
    credentials: stack.credentials,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  const phone = start(PHONE);
  const pipe = start(PIPE);
  const headers = { 'x-auth-token': await tokenOf(urls.ipdUrl, stack.ipdCredentials) };
  const hashes: string[] = [];

  async function put(order: Put): Promise<{ sha256: string; at: number }> {
    const answer = once(phone, 'message');
    phone.send(order);
    const answered = phoneAnswer.parse((await answer)[0]);
    if ('error' in answered) throw new Error(`the phone: ${answered.error}`);
    if (answered.status !== 200) throw new Error(`the PUT was answered with ${answered.status}`);
    return answered;
  }

  return {
    /** From the answer to the PUT until the function says that it has recorded the attachment; in milliseconds. */
    async upload(size: number, workItem: number): Promise<number> {
      const { id, staging } = await client.create({
        projectId: PROJECT_ID,
        issueId: issueIdOf(workItem),
        filename: 'photo.jpg',
        contentType: 'image/jpeg',
        size,
        mode: 'single',
      });
      if (staging.mode !== 'single' || staging.url === undefined)
        throw new Error('there is no URL to put to');
      const ended = endings.of(id);
      const stored = await put({ url: staging.url, headers: staging.headers ?? {}, size });
      const ending = await ended;
      if (ending.status !== 'delivered') throw new Error(`upload ${id} ended as ${ending.status}`);
      hashes.push(stored.sha256);
      return performance.timeOrigin + ending.at - stored.at;
    },
    /** The same bytes after a PUT of their own, until the pipe has IPD's answer. */
    async pipe(size: number, workItem: number): Promise<number> {
      // Not under staging/: the bridge gets an event for each object there.
      const object = { Bucket: STAGING_BUCKET, Key: `pipe/${size}` };
      const fileUrl = await getSignedUrl(s3, new GetObjectCommand(object));
      await put({ url: await getSignedUrl(s3, new PutObjectCommand(object)), headers: {}, size });
      const path = `/v1/ipdprojectservice/projects/${PROJECT_ID}/issues/${issueIdOf(workItem)}/attachments/upload`;
      const answer = once(pipe, 'message');
      pipe.send({ size, fileUrl, uploadUrl: `${urls.ipdUrl}${path}`, headers } satisfies Pipe);
      const answered = pipeAnswer.parse((await answer)[0]);
      if ('error' in answered) throw new Error(`the bare pipe: ${answered.error}`);
      return answered.ms;
    },
    /** Deletes the files that the fake IPD keeps, so that they do not slow down later uploads. */
    async forgetFiles(): Promise<void> {
      const folder = join(directory, 'ipd', 'ipd-attachments');
      for (const name of await readdir(folder)) await rm(join(folder, name));
    },
    /** Throws unless IPD has every timed upload with the bytes that the phone sent. */
    async verify(): Promise<void> {
      const list = received.parse(await (await fetch(`${urls.ipdAdminUrl}/attachments`)).json());
      const there = new Set(list.map(({ sha256 }) => sha256));
      const missing = hashes.filter((sha256) => !there.has(sha256)).length;
      if (missing > 0) throw new Error(`${missing} files did not arrive as they were sent`);
    },
    async close(): Promise<void> {
      phone.disconnect();
      pipe.disconnect();
      s3.destroy();
      await stack.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function start(path: string): ChildProcess {
  return fork(path, { execArgv: ['--disable-warning=ExperimentalWarning'] });
}

function issueIdOf(workItem: number): string {
  return String(956_239_067_176_000_000n + BigInt(workItem));
}

async function tokenOf(ipdUrl: string, { username, password, domain }: IpdCredentials): Promise<string> {
  const user = { name: username, password, domain: { name: domain } };
  const identity = { methods: ['password'], password: { user } };
  const answer = await fetch(`${ipdUrl}/v3/auth/tokens`, {
    method: 'POST',
    body: JSON.stringify({ auth: { identity, scope: { project: { name: 'cn-north-4' } } } }),
  });
  const token = answer.headers.get('x-subject-token');
  if (token === null) throw new Error(`no token: ${answer.status}`);
  return token;
}

function figures(times: Map<string, Times>): Figures {
  const rows = [...times].flatMap(([name, { bridge, pipe }]): Row[] => [
    ...rowsOfQuantiles('bridge', name, bridge),
    ...rowsOfQuantiles('bare pipe', name, pipe),
  ]);
  /** Compares equal quantiles: a busy machine slows down both, so slow runs are compared with slow runs. */
  const over = (name: string, share: number, pipeShare = share): number => {
    const { bridge = [], pipe = [] } = times.get(name) ?? {};
    return quantile(bridge, share) - quantile(pipe, pipeShare);
  };
  return {
    rows,
    ratios: {
      overRawMs50MiBp95: over('50 MiB', 0.95),
      overRawMs50MiBp50: over('50 MiB', 0.5),
      overRawMs50MiBp95OverPipesMedian: over('50 MiB', 0.95, 0.5),
      overRawMs1KiBp95: over('1 KiB', 0.95),
      overRawMs1KiBp50: over('1 KiB', 0.5),
    },
  };
}

function rowsOfQuantiles(subject: string, name: string, values: number[]): Row[] {
  return [
    { subject, metric: `${name}, p50`, value: quantile(values, 0.5), unit: 'ms' },
    { subject, metric: `${name}, p95`, value: quantile(values, 0.95), unit: 'ms' },
  ];
}
