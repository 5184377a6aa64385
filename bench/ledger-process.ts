/**
 * DynamoDB and SQS in a process of their own, so that their CPU time is not part of the figures. Counts how often each
 * of their operations was requested. Ends with its parent.
 */
import { subscribe } from 'node:diagnostics_channel';
import { IncomingMessage } from 'node:http';
import { startDynamoDb } from '../local/dynamodb.ts';
import { startSqs } from '../local/sqs.ts';

const [dataDirectory = '', region = '', ...key] = process.argv.slice(2);
const [accessKeyId = '', secretAccessKey = ''] = key;
const credentials = [{ accessKeyId, secretAccessKey }];
const asked: Record<string, number> = {};

subscribe('http.server.request.start', (message) => {
  const request = typeof message === 'object' && message !== null && 'request' in message && message.request;
  if (!(request instanceof IncomingMessage)) return;
  const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
  asked[operation] = (asked[operation] ?? 0) + 1;
});
process.on('disconnect', () => process.exit(0));
process.on('message', () => process.send?.(asked));

const [dynamodb, sqs] = await Promise.all([
  startDynamoDb({ port: 0, dataDirectory, credentials }),
  startSqs({ port: 0, region, credentials }),
]);
process.send?.({ dynamodbUrl: dynamodb.url, sqsUrl: sqs.url });
