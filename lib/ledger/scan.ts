/**
 * Reads the whole table. Only an operator does this: no function loads this file, and no function's role allows it.
 */
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { failed } from '../runtime/aws-errors.ts';

type Query = {
  table: string;
  filter: string;
  names: Record<string, string> | undefined;
  values: Record<string, unknown>;
};

/**
 * The items that pass the filter, page by page; DynamoDB reads and bills the whole table.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
 */
export async function* scan(
  client: DynamoDBDocumentClient,
  { table, filter, names, values }: Query,
): AsyncGenerator<Record<string, unknown>[]> {
  let from: Record<string, unknown> | undefined;
  do {
    const command = new ScanCommand({
      TableName: table,
      FilterExpression: filter,
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
      ExclusiveStartKey: from,
    });
    const { Items, LastEvaluatedKey } = await client.send(command).catch(failed(`scanning ${table}`));
    yield Items ?? [];
    from = LastEvaluatedKey;
  } while (from !== undefined);
}
