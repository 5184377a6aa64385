import { describe, expect, it } from '@jest/globals';
import {
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { startDynamoDb } from '../../../local/dynamodb.ts';
import { awsKey } from '../../support/local-keys.ts';
import { makeTemporaryDirectory } from '../../support/probe-stack.ts';

describe('the local DynamoDB', () => {
  it('is closed only when it has done what it has begun, also for clients that are gone', async () => {
    const data = await makeTemporaryDirectory();
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('uncaughtException', note).on('unhandledRejection', note);
    const server = await startDynamoDb({ port: 0, dataDirectory: data.path, credentials: [awsKey] });
    const connection = { region: 'eu-central-1', credentials: awsKey, endpoint: server.url };
    const client = new DynamoDBClient({ ...connection, maxAttempts: 1 });
    await client.send(
      new CreateTableCommand({
        TableName: 'table',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      }),
    );
    await waitUntilTableExists({ client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 }, { TableName: 'table' });
    const put = (pk: string) =>
      client.send(new PutItemCommand({ TableName: 'table', Item: { pk: { S: pk } } }));
    await put('first');

    const writes = Array.from({ length: 40 }, (_, index) => put(String(index)).catch(() => undefined));
    await Promise.race(writes);
    client.destroy();
    await server.close();
    await Promise.all(writes);
    process.off('uncaughtException', note).off('unhandledRejection', note);
    await data.remove();

    expect(unhandled).toEqual([]);
  });
});
