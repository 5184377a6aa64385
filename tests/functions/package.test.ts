import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { startWorker } from '../../local/gateway/worker.ts';
import { functionsOf, readService } from '../../local/template.ts';
import { lambdaContext } from '../support/http-event.ts';
import { queueEvent } from '../support/queue-event.ts';
import { unzip } from '../../bench/unzip.ts';

const ROOT = join(import.meta.dirname, '../..');
const REGION = 'eu-central-1';
const KEYS = ['uploads', 'uppy', 'attach', 'deliver', 'sweep'];
const run = promisify(execFile);

/** Everything that the package is made of; the rest must not be needed. */
const SOURCES = ['serverless.yml', 'package.json', 'tsconfig.json', 'resources', 'functions', 'lib'];
/** What a deploy sets so that the functions start. */
const SETTINGS = { PROJECTS_CLAIM: 'projects' };

let directory: string;
let zips: Record<string, Map<string, Buffer>>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bridge-package-'));
  const service = join(directory, 'service');
  await mkdir(service);
  for (const source of SOURCES) await cp(join(ROOT, source), join(service, source), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(service, 'node_modules'));
  const program = join(ROOT, 'node_modules/serverless/bin/serverless.js');
  await run(process.execPath, [program, 'package', '--package', '../zips'], {
    cwd: service,
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      AWS_REGION: REGION,
      SLS_TELEMETRY_DISABLED: '1',
      SLS_NOTIFICATIONS_MODE: 'off',
      ...SETTINGS,
    },
  });
  // The functions must not find the sources, nor node_modules.
  await rm(service, { recursive: true });
  zips = Object.fromEntries(
    await Promise.all(
      KEYS.map(async (key) => [key, unzip(await readFile(join(directory, 'zips', `${key}.zip`)))] as const),
    ),
  );
}, 60_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

describe('npm run package', () => {
  it('makes one zip a function', async () => {
    const names = await readdir(join(directory, 'zips'));

    expect(names.filter((name) => name.endsWith('.zip')).toSorted()).toEqual(
      KEYS.map((key) => `${key}.zip`).toSorted(),
    );
  });

  it.each(KEYS)('puts one small, minified ESM file into the zip of %s', async (key) => {
    const files = [...(zips[key] ?? [])];

    const code = files[0]?.[1].toString() ?? '';
    const lines = code.split('\n').length;
    expect(files.map(([name]) => name)).toEqual([`functions/${key}.mjs`]);
    expect(code.length).toBeLessThan(2_000_000);
    expect({
      hasProduct: code.includes('ipd-attachment-bridge'),
      exportsHandler: /export\{[^}]*\bas handler\b[^}]*\}/.test(code),
      isMinified: code.length / lines > 500,
      hasSourceMap: code.includes('sourceMappingURL'),
    }).toEqual({ hasProduct: true, exportsHandler: true, isMinified: true, hasSourceMap: false });
  });

  it.each([
    ['uploads', unknownRoute(), { statusCode: 404 }],
    ['uppy', unknownRoute(), { statusCode: 404 }],
    ['attach', unknownRoute(), { statusCode: 401 }],
    ['deliver', queueEvent('not ours'), { batchItemFailures: [] }],
  ])(
    '%s answers from its zip alone, with the settings of the template',
    async (key, event, expected) => {
      const worker = await startFromZip(key);

      const answer = JSON.parse(await worker.run(event)) as unknown;
      worker.kill();
      await worker.exited;

      expect(answer).toMatchObject(expected);
    },
    30_000,
  );

  it('sweep has a handler that can be imported from its zip alone', async () => {
    const worker = await startFromZip('sweep');

    await expect(worker.ready).resolves.toBeUndefined();
    worker.kill();
    await worker.exited;
  });
});

/** Unpacks a function and starts it as Lambda does: its name is set, so nothing local is allowed. */
async function startFromZip(key: string) {
  const place = join(directory, 'unpacked', key);
  for (const [name, content] of zips[key] ?? []) {
    await mkdir(dirname(join(place, name)), { recursive: true });
    await writeFile(join(place, name), content);
  }
  const definition = templateFunctions().find((candidate) => candidate.key === key);
  if (definition === undefined) throw new Error(`the template has no function ${key}`);
  const [path = '', exportName = ''] = definition.handler.split('.');
  return startWorker({
    ...definition,
    modulePath: join(place, `${path}.mjs`),
    exportName,
    region: REGION,
    environment: {
      ...definition.environment,
      AWS_LAMBDA_FUNCTION_NAME: definition.name,
      AWS_REGION: REGION,
    },
    cacheDirectory: '',
    log: () => undefined,
  });
}

function templateFunctions() {
  const service = readService({ directory: ROOT, env: { AWS_REGION: REGION, ...SETTINGS } });
  const names = ['StagingBucket', 'UploadsTable', 'DeliveryQueue', 'NoticesTopic'];
  const references = Object.fromEntries(
    names.map((name) => [name, { ref: `https://example.com/${name}`, attributes: { Arn: `arn:${name}` } }]),
  );
  return functionsOf(service, references);
}

function unknownRoute(): object {
  const http = { method: 'GET', path: '/nothing' };
  const requestContext = { http, requestId: lambdaContext().awsRequestId };
  return { routeKey: '$default', rawPath: http.path, headers: {}, requestContext };
}
