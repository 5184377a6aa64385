/** Frozen: finds the due records without an index, by reading the whole table. */
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import type { AttributeValue, DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** The keys of the due records, as fast as one reader can find them. */
export async function scanForDue({
  client,
  table,
  time,
}: {
  client: DynamoDBClient;
  table: string;
  time: number;
}): Promise<string[]> {
  const found: string[] = [];
  let from: Record<string, AttributeValue> | undefined;
  do {
    const { Items = [], LastEvaluatedKey } = await client.send(
      new ScanCommand({
        TableName: table,
        FilterExpression: 'dueAt <= :time',
        ExpressionAttributeValues: { ':time': { S: new Date(time).toISOString() } },
        ProjectionExpression: 'pk',
        ExclusiveStartKey: from,
      }),
    );
    found.push(...Items.map(({ pk }) => pk?.S ?? ''));
    from = LastEvaluatedKey;
  } while (from !== undefined);
  return found;
}
