import { afterAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { handler } from '../../../functions/uploads.ts';
import { listen } from '../../../local/listen.ts';
import { callHttp } from '../../support/http-event.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ ends: 'sockets' });
// The world's own services stay with the ledger that they have reached.
await world.reset();

let status = 500;
let type = 'InternalServerError';
/** Replaces the ledger for the function: it refuses every request. */
const ledger = await listen(
  createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'no' }));
    });
  }),
  0,
);
process.env['AWS_ENDPOINT_URL_DYNAMODB'] = ledger.url;
// The retries of the SDK are not tested here.
process.env['AWS_MAX_ATTEMPTS'] = '1';
afterAll(() => ledger.close());

const readUpload = () =>
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
    expect(await readUpload()).toMatchObject(unavailable);
  });

  it('is one as well when it throttles', async () => {
    [status, type] = [400, 'ProvisionedThroughputExceededException'];

    expect(await readUpload()).toMatchObject(unavailable);
  });

  it('is our fault when it refuses our request as invalid', async () => {
    [status, type] = [400, 'ValidationException'];

    expect(await readUpload()).toMatchObject({ status: 500, body: { code: 'internal' } });
  });

  it('is an outage when its endpoint does not listen', async () => {
    await ledger.close();

    expect(await readUpload()).toMatchObject(unavailable);
  });
});
