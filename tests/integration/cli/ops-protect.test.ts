import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { listen } from '../../../local/listen.ts';
import { operate } from '../../support/operator.ts';

/** What DynamoDB does with a table's protection: it refuses an update that would change nothing. */
const table = { TableName: 'uploads', DeletionProtectionEnabled: false };
const changes: unknown[] = [];
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await json(request);
  if (String(request.headers['x-amz-target']).endsWith('.UpdateTable')) {
    if (table.DeletionProtectionEnabled) response.statusCode = 400;
    changes.push(body);
    table.DeletionProtectionEnabled = true;
  }
  response.setHeader('content-type', 'application/x-amz-json-1.0');
  response.end(JSON.stringify({ Table: table, TableDescription: table }));
}

const before = { ...process.env };
let running: Awaited<ReturnType<typeof listen>>;

beforeAll(async () => {
  running = await listen(
    createServer((request, response) => void answer(request, response)),
    0,
  );
  Object.assign(process.env, {
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local-secret',
    AWS_ENDPOINT_URL_DYNAMODB: running.url,
    STAGING_BUCKET: 'staging',
    UPLOADS_TABLE: 'uploads',
    DELIVERY_QUEUE_URL: 'http://127.0.0.1/queue',
  });
});
afterAll(async () => {
  process.env = before;
  await running.close();
});

it('npm run ops -- protect switches the protection of the table on, and may be repeated', async () => {
  const first = await operate('protect');
  const second = await operate('protect');

  expect(first).toMatchObject({ well: true, answer: { table: 'uploads', wasProtected: false } });
  expect(second).toMatchObject({ well: true, answer: { table: 'uploads', wasProtected: true } });
  expect(changes).toEqual([{ TableName: 'uploads', DeletionProtectionEnabled: true }]);
});
