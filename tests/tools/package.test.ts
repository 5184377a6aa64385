import { describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { packageFunctions } from '../../bench/packaged.ts';
import { startWorker } from '../../local/gateway/worker.ts';
import { functionsOf, readService } from '../../local/template.ts';
import { storeParts } from '../support/parts-fixture.ts';
import { callHttp } from '../support/http-event.ts';
import { httpEvent, lambdaContext } from '../support/lambda-event.ts';
import { queueEvent } from '../support/queue-event.ts';
import { useDirectory } from '../support/use-directory.ts';
import { useWorld } from '../support/use-world.ts';

const ROOT = join(import.meta.dirname, '../..');
const REGION = 'eu-central-1';
const KEYS = ['uploads', 'uppy', 'attach', 'deliver', 'files', 'ingest', 'sweep'];
/** What a deploy sets so that the functions start. */
const SETTINGS = { PROJECTS_CLAIM: 'projects' };

const httpAnswer = z.object({
  statusCode: z.int(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
});

const directory = await useDirectory();
const packaged = await packageFunctions(directory);

describe('npm run package', () => {
  it('makes one zip a function', async () => {
    const names = await readdir(join(directory, 'zips'));

    expect(names.filter((name) => name.endsWith('.zip')).toSorted()).toEqual(
      KEYS.map((key) => `${key}.zip`).toSorted(),
    );
  });

  it.each(KEYS)('puts one small, minified ESM file and its own chunks into the zip of %s', async (key) => {
    const files = packaged.get(key)?.files ?? new Map<string, Buffer>();

    const code = files.get(`functions/${key}.mjs`)?.toString() ?? '';
    const lines = code.split('\n').length;
    const chunk = new RegExp(`^functions/${key}\\.[A-Z0-9]{8}\\.mjs$`);
    const others = [...files.keys()].filter((name) => !chunk.test(name));
    expect(others).toEqual([`functions/${key}.mjs`]);
    expect(code.length).toBeLessThan(400_000);
    expect({
      hasProduct: code.includes('ipd-attachment-bridge'),
      exportsHandler: /export\{[^}]*\bas handler\b[^}]*\}/.test(code),
      isMinified: code.length / lines > 500,
      hasSourceMap: code.includes('sourceMappingURL'),
    }).toEqual({ hasProduct: true, exportsHandler: true, isMinified: true, hasSourceMap: false });
  });

  it.each(KEYS)('takes Node’s own modules plainly in %s: their ESM forms are slow to start', (key) => {
    for (const code of packaged.get(key)?.files.values() ?? []) {
      expect(/\bimport\s*[({*\w"'][^;]*?["']node:/.exec(code.toString())).toBeNull();
    }
  });

  it.each([
    ['uploads', unknownRoute(), { statusCode: 404 }],
    ['uppy', unknownRoute(), { statusCode: 404 }],
    ['attach', unknownRoute(), { statusCode: 401 }],
    ['files', unknownFile(), { statusCode: 404 }],
    ['deliver', queueEvent('of another sender'), { batchItemFailures: [] }],
  ])('%s answers from its zip alone, with the settings of the template', async (key, event, expected) => {
    const worker = await startFromZip(key);

    const answer = JSON.parse(await worker.run(event)) as unknown;
    worker.kill();
    await worker.exited;

    expect(answer).toMatchObject(expected);
  });

  it.each(['ingest', 'sweep'])('%s has a handler that can be imported from its zip alone', async (key) => {
    const worker = await startFromZip(key);

    await expect(worker.ready).resolves.toBeUndefined();
    worker.kill();
    await worker.exited;
  });
});

const world = await useWorld({ ends: 'sockets' });

describe('the packaged functions', () => {
  it('bring a file in parts into IPD', async () => {
    const { upload, bytes } = await storeParts(world);
    const [uploads, deliver] = await Promise.all(
      ['uploads', 'deliver'].map((key) => startFromZip(key, ownEnvironment())),
    );
    if (uploads === undefined || deliver === undefined) throw new Error('two workers');
    try {
      const completed = await callHttp(
        async (event) => httpAnswer.parse(JSON.parse(await uploads.run(event))),
        { route: 'POST /v1/uploads/{id}/complete', parameters: { id: upload.id } },
      );
      const delivered = await deliver.run(queueEvent({ uploadId: upload.id, attempt: 1 }));

      expect(completed).toMatchObject({ status: 200, body: { status: 'staged' } });
      expect(JSON.parse(delivered)).toEqual({ batchItemFailures: [] });
      expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
      expect(await world.received()).toMatchObject([{ size: bytes.length }]);
      expect(await world.isStaged(upload.id)).toBe(false);
    } finally {
      for (const worker of [uploads, deliver]) worker.kill();
      await Promise.all([uploads.exited, deliver.exited]);
    }
  });
});

/** With the addresses of a world that was started. */
function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** Starts a function as Lambda does: its name is set, so nothing local is allowed, unless an environment is given. */
async function startFromZip(key: string, environment?: Record<string, string>) {
  const definition = templateFunctions().find((candidate) => candidate.key === key);
  if (definition === undefined) throw new Error(`the template has no function ${key}`);
  const [path = '', exportName = ''] = definition.handler.split('.');
  return startWorker({
    ...definition,
    modulePath: join(packaged.get(key)?.path ?? '', `${path}.mjs`),
    exportName,
    region: REGION,
    environment: environment ?? {
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
  const names = [
    'StagingBucket',
    'UploadsTable',
    'DeliveryQueue',
    'IngestQueue',
    'IngestDeliveryQueue',
    'NotificationsTopic',
  ];
  const references = Object.fromEntries(
    names.map((name) => [name, { ref: `https://example.com/${name}`, attributes: { Arn: `arn:${name}` } }]),
  );
  return functionsOf(service, references);
}

/** Of no upload's id, so it is refused without the table. */
function unknownFile() {
  return httpEvent({
    route: 'GET /v1/files/{id}/{secret}',
    parameters: { id: 'a', secret: 'b' },
    claims: null,
  });
}

function unknownRoute(): object {
  const http = { method: 'GET', path: '/nothing' };
  const requestContext = { http, requestId: lambdaContext().awsRequestId };
  return { routeKey: '$default', rawPath: http.path, headers: {}, requestContext };
}
