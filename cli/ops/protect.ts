/**
 * `npm run ops -- protect`: after the first deploy of a stage, protects its table from deletion by mistake. The
 * template does not: a first deploy that fails could then not delete the table, and could not be repeated.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html#WorkingWithTables.Basics.DeletionProtection
 */
import { DescribeTableCommand, DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { openServices } from './place.ts';
import type { Task } from './terms.ts';
import { fill, texts } from '../texts.ts';

export const protect: Task = {
  takes: [],

  async run({ values, say, signal }) {
    const { table } = (await openServices(values)).config;
    const client = new DynamoDBClient({});
    const send = { abortSignal: signal };
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }), send);
    const wasProtected = Table?.DeletionProtectionEnabled ?? false;
    if (!wasProtected) {
      await client.send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: true }), send);
    }
    say(fill(wasProtected ? texts.ops.protect.wasProtected : texts.ops.protect.isProtected, { table }));
    return { well: true, answer: { table, wasProtected } };
  },
};
