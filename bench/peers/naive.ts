/**
 * A handler as one would first write it: whole clients from node_modules, the presigner, a schema and middy.
 * Frozen: our handlers may change, this one does not. Its dependencies are those of the product and the bench.
 */
import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import middy from '@middy/core';
import { z } from 'zod';

const upload = z.object({
  projectId: z.string(),
  issueId: z.string(),
  filename: z.string(),
  contentType: z.string(),
  size: z.number(),
});
const s3 = new S3Client({});
const documents = DynamoDBDocumentClient.from(new DynamoDBClient({}));

export const handler = middy<{ body: string }>().handler(async (event: { body: string }) => {
  const request = upload.parse(JSON.parse(event.body));
  const id = randomUUID();
  await documents.send(
    new PutCommand({ TableName: process.env['UPLOADS_TABLE'], Item: { pk: id, ...request } }),
  );
  const command = new PutObjectCommand({
    Bucket: process.env['STAGING_BUCKET'],
    Key: id,
    ContentType: request.contentType,
    ContentLength: request.size,
  });
  return {
    statusCode: 201,
    body: JSON.stringify({ id, url: await getSignedUrl(s3, command, { expiresIn: 3600 }) }),
  };
});
