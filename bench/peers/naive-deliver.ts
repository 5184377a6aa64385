/**
 * A delivery as one would first write it: whole clients from node_modules, the SDK's stream into form-data, sent by
 * axios, the attachment's id into the record that `naive.ts` has made. It has IPD's token already, and checks nothing.
 * Frozen: our handlers may change, this one does not. Its dependencies are those of the product and the bench.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import axios from 'axios';
import FormData from 'form-data';

const s3 = new S3Client({});
const documents = DynamoDBDocumentClient.from(new DynamoDBClient({}));

export const handler = async (event: { Records: { body: string }[] }) => {
  for (const message of event.Records) {
    for (const { s3: stored } of JSON.parse(message.body).Records) {
      const { key, size } = stored.object;
      const record = { TableName: process.env['UPLOADS_TABLE'], Key: { pk: key } };
      const { Item: upload } = await documents.send(new GetCommand(record));
      const { Body } = await s3.send(
        new GetObjectCommand({ Bucket: process.env['STAGING_BUCKET'], Key: key }),
      );
      const form = new FormData();
      form.append('attachment', Body, {
        filename: upload?.['filename'],
        contentType: upload?.['contentType'],
        knownLength: size, // cspell:disable-line
      });
      const answer = await axios.post(
        `${process.env['IPD_ENDPOINT']}/v1/ipdprojectservice/projects/${upload?.['projectId']}/issues/${upload?.['issueId']}/attachments/upload`,
        form,
        {
          headers: {
            ...form.getHeaders(),
            'content-length': form.getLengthSync(),
            'x-auth-token': process.env['IPD_TOKEN'],
          },
          maxBodyLength: Infinity,
        },
      );
      await documents.send(
        new UpdateCommand({
          ...record,
          UpdateExpression: 'SET attachmentId = :id',
          ExpressionAttributeValues: { ':id': answer.data.result[0].id },
        }),
      );
    }
  }
};
