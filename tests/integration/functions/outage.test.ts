import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { handler } from '../../../functions/uploads.ts';
import { listen } from '../../../local/listen.ts';
import { callHttp } from '../../support/http-event.ts';
import { startWorld } from '../../support/world.ts';
import type { World } from '../../support/world.ts';

let world: World;
let ledger: Awaited<ReturnType<typeof listen>>;
let status = 500;
let type = 'InternalServerError';
beforeAll(async () => {
  world = await startWorld();
  // Replaces the ledger: it refuses every request.
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'no' }));
    });
  });
  ledger = await listen(server, 0);
  process.env['AWS_ENDPOINT_URL_DYNAMODB'] = ledger.url;
  // The retries of the SDK are not tested here.
  process.env['AWS_MAX_ATTEMPTS'] = '1';
});
afterAll(async () => {
  await Promise.all([world.stop(), ledger.close()]);
});

const look = () =>
  callHttp(handler, {
    route: 'GET /v1/uploads/{id}',
    parameters: { id: '6f1c1a53-2a8c-4f0e-9b55-0d6a0c7d3f10' },
  });
const unavailable = {
  status: 503,
  headers: { 'retry-after': '5' },
  body: { code: 'unavailable', retryable: true },
};

describe('a ledger that does not work', () => {
  it('is an outage of another service: 503, with Retry-After', async () => {
    expect(await look()).toMatchObject(unavailable);
  });

  it('is one as well when it throttles', async () => {
    [status, type] = [400, 'ProvisionedThroughputExceededException'];

    expect(await look()).toMatchObject(unavailable);
  });

  it('is our fault when it refuses our request as invalid', async () => {
    [status, type] = [400, 'ValidationException'];

    expect(await look()).toMatchObject({ status: 500, body: { code: 'internal' } });
  });

  it('is an outage when its endpoint does not listen', async () => {
    await ledger.close();

    expect(await look()).toMatchObject(unavailable);
  });
});
