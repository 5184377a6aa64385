import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeIpd } from '../../../local/ipd/server.ts';
import { transcriptSchema } from '../../../local/ipd/transcript.ts';
import { ipdCredentials } from '../../support/local-keys.ts';
import { operate } from '../../support/operator.ts';
import { issueId, projectId } from '../../support/world.ts';

type FakeIpd = Awaited<ReturnType<typeof startFakeIpd>>;
type Settings = Omit<Parameters<typeof startFakeIpd>[0], 'port' | 'credentials'>;

let environment: NodeJS.ProcessEnv;
let directory: string;
let file: string;
const opened: FakeIpd[] = [];

beforeEach(async () => {
  environment = { ...process.env };
  directory = await mkdtemp(join(tmpdir(), 'bridge-probe-'));
  file = join(directory, 'tenant.json');
});
afterEach(async () => {
  process.env = environment;
  await Promise.all(opened.splice(0).map((ipd) => ipd.close()));
  await rm(directory, { recursive: true });
});

/** A tenant, which the environment names from now on. */
async function start(settings: Settings = {}): Promise<FakeIpd> {
  const ipd = await startFakeIpd({ port: 0, credentials: ipdCredentials, ...settings });
  opened.push(ipd);
  Object.assign(process.env, {
    IPD_ENDPOINT: ipd.url,
    IPD_IAM_ENDPOINT: ipd.url,
    IPD_CREDENTIALS: JSON.stringify(ipdCredentials),
  });
  return ipd;
}

const item = ['--project', projectId, '--issue', issueId, '--yes'];
const quick = [
  '--sizes',
  '10000,20000',
  '--rate-seconds',
  '0',
  '--slow-seconds',
  '0',
  '--quiet-seconds',
  '0',
];
const probe = (...args: string[]) => operate('probe', ...item, ...quick, ...args);
const odd = { fileSizeAs: 'string', uploadResult: 'null', rejectEmoji: true, maxFileBytes: 15_000 } as const;

describe('npm run ops -- probe --record', () => {
  it('writes what the tenant answered, for its owner alone, and nothing that names anyone', async () => {
    const ipd = await start();

    const { said } = await probe('--record', file);

    const text = await readFile(file, 'utf8');
    const { exchanges } = transcriptSchema.parse(JSON.parse(text));
    expect(exchanges).toHaveLength(ipd.requests.length);
    expect(said).toContain(
      `${file}: ${exchanges.length} exchanges, without secrets, names and ids: read it before you share it`,
    );
    const attachments = await (await fetch(`${ipd.url}/__admin/attachments`)).text();
    const ids = [...attachments.matchAll(/"id":"(\d+)"/g)].map(([, id]) => id ?? '');
    const secret = [projectId, issueId, 'bridge', ...ids, ...Object.values(ipdCredentials)];
    expect(ids.length).toBeGreaterThan(10);
    expect(secret.filter((one) => text.includes(one))).toEqual([]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('lets the fake answer as that tenant did', async () => {
    await start(odd);
    const { answer: tenant } = await probe('--record', file);
    const ipd = await start();
    await fetch(`${ipd.url}/__admin/transcript`, { method: 'PUT', body: await readFile(file) });

    const { answer: replayed } = await probe();

    expect(replayed.findings.answer).toMatchObject({ idIsNamed: false, fields: [] });
    expect(essenceOf(replayed.findings)).toEqual(essenceOf(tenant.findings));
  });

  it('writes what it has when a measurement fails', async () => {
    await start({ missingIssues: [issueId] });

    const { well } = await probe('--record', file);

    expect(well).toBe(false);
    expect(transcriptSchema.parse(JSON.parse(await readFile(file, 'utf8'))).exchanges).toMatchObject([
      { request: { operation: 'list' }, answer: { status: 400, json: { error_code: 'PM.02175104' } } },
    ]);
  });

  it('sends nothing where the file cannot be made', async () => {
    const ipd = await start();
    await writeFile(file, 'mine');

    const { well, said } = await probe('--record', file);

    expect(well).toBe(false);
    expect(said).toEqual([`--record ${file}: the file cannot be made, or is there already`]);
    expect(ipd.requests).toEqual([]);
    expect(await readFile(file, 'utf8')).toBe('mine');
  });
});

/** Without what differs each time: seconds, and the ids of requests. */
function essenceOf({ names, bodies, sizes }: { names: object[]; bodies: object; sizes: object[] }): unknown {
  return JSON.parse(
    JSON.stringify([names, bodies, sizes], (member, value) =>
      member === 'seconds' ? undefined : value,
    ).replaceAll(/ \(request \w+\)/g, ''),
  );
}
