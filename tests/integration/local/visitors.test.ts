import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { makeTemporaryDirectory, startProbeStack } from '../../support/probe-stack.ts';

const EVIL = 'http://evil.example';
const region = 'eu-central-1';

let data: Awaited<ReturnType<typeof makeTemporaryDirectory>>;
let stack: Awaited<ReturnType<typeof startProbeStack>>;
beforeAll(async () => {
  data = await makeTemporaryDirectory();
  stack = await startProbeStack({
    dataDirectory: data.path,
    environment: {
      ALLOWED_ORIGINS: 'https://other.example,https://app.example',
      S3_PUBLIC_ENDPOINT: 'http://files.example:4570',
    },
  });
});
afterAll(async () => {
  await stack.stop();
  await data.remove();
});

type Call = { method?: string; headers?: Record<string, string>; body?: string };

/** One request as a browser could send it; `fetch` would choose its own Host. */
function send(url: string, { method = 'GET', headers = {}, body }: Call) {
  return new Promise<{ status: number; cors: string | undefined; body: string }>((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, (answer) => {
      const { statusCode: status = 0, headers: answered } = answer;
      text(answer).then((said) => {
        return resolve({ status, cors: answered['access-control-allow-origin'], body: said });
      }, reject);
    });
    // No preflight has a body.
    outgoing.on('error', reject).end(method === 'OPTIONS' ? undefined : body);
  });
}

const scan = { 'x-amz-target': 'DynamoDB_20120810.ListTables', 'content-type': 'application/x-amz-json-1.0' };
const list = { 'x-amz-target': 'AmazonSQS.ListQueues', 'content-type': 'application/x-amz-json-1.0' };

/** For each part, a request that reads or changes something when the part accepts it. */
const CALLS: Record<string, (urls: typeof stack.urls) => [url: string, call: Call]> = {
  gateway: ({ apiUrl }) => [`${apiUrl}/items/1?do=environment`, {}],
  s3: ({ s3Url }) => [`${s3Url}/probe-dev-bucket?list-type=2`, {}],
  sqs: ({ sqsUrl }) => [sqsUrl, { method: 'POST', headers: list, body: '{}' }],
  dynamodb: ({ dynamodbUrl }) => [dynamodbUrl, { method: 'POST', headers: scan, body: '{}' }],
  ipd: ({ ipdAdminUrl }) => [`${ipdAdminUrl}/attachments`, {}],
  issuer: ({ tokenUrl }) => [tokenUrl, { method: 'POST', body: '{"sub":"me"}' }],
};
const parts = Object.keys(CALLS);

function sendTo(part: string, more: Record<string, string>, method?: string) {
  const [url, { headers, ...call }] = CALLS[part]?.(stack.urls) ?? ['', {}];
  return send(url, { ...call, ...(method !== undefined && { method }), headers: { ...headers, ...more } });
}

describe('a page whose name resolves to this machine', () => {
  it.each(parts)('reaches nothing of %s', async (part) => {
    for (const host of [
      'evil.example',
      'evil.example:80',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '192.0.2.7',
    ]) {
      const answer = await sendTo(part, { host });

      expect([host, answer.status]).toEqual([host, 403]);
      expect(answer.body).toContain('this is reached as 127.0.0.1 or localhost only');
    }
  });

  it.each(parts)('does not hinder the names of this machine at %s', async (part) => {
    for (const host of ['127.0.0.1', '127.0.0.1:1', 'localhost:9999', 'LOCALHOST', '[::1]:80']) {
      expect((await sendTo(part, { host })).body).not.toContain('this is reached as');
    }
  });

  it('does not hinder the bucket names of S3, nor the host that its URLs are signed for', async () => {
    for (const host of ['probe-dev-bucket.localhost:4570', 'files.example:4570']) {
      expect((await sendTo('s3', { host })).body).toContain('<Code>AccessDenied</Code>');
    }
    expect((await sendTo('s3', { host: 'files.example:1' })).body).toContain('this is reached as');
  });
});

describe('a page of another machine', () => {
  it.each(['sqs', 'dynamodb', 'ipd', 'issuer'])('is refused by %s, with every request', async (part) => {
    const asked = {
      origin: EVIL,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'x-amz-target',
    };
    for (const origin of [EVIL, 'null', 'http://127.0.0.1.evil.example', 'http://localhost@evil.example']) {
      const simple = await sendTo(part, { origin });
      expect([origin, simple.status, simple.cors]).toEqual([origin, 403, undefined]);
      const preflight = await sendTo(part, { ...asked, origin }, 'OPTIONS');
      expect([origin, preflight.status, preflight.cors]).toEqual([origin, 403, undefined]);
    }
  });

  it.each(['gateway', 's3'])('may read nothing of %s, whose own rules name the page', async (part) => {
    const asked = { origin: EVIL, 'access-control-request-method': 'GET' };

    expect((await sendTo(part, { origin: EVIL })).cors).toBeUndefined();
    expect((await sendTo(part, asked, 'OPTIONS')).cors).toBeUndefined();
  });

  it('changes no fault of IPD', async () => {
    const faults = '[{"match":{"operation":"upload"},"fault":{"kind":"noPermission"}}]';

    const answer = await send(`${stack.urls.ipdAdminUrl}/faults`, {
      method: 'PUT',
      headers: { origin: EVIL },
      body: faults,
    });

    expect(answer.status).toBe(403);
    const kept = await send(`${stack.urls.ipdAdminUrl}/faults`, {});
    expect(JSON.parse(kept.body)).toEqual([]);
  });
});

describe('a page of this machine, or of the origin that the user has named', () => {
  it.each(['http://127.0.0.1:5173', 'http://localhost:3000', 'http://[::1]:80', 'https://app.example'])(
    'gets tokens and sees what IPD has: %s',
    async (origin) => {
      const token = await sendTo('issuer', { origin });
      const attachments = await sendTo('ipd', { origin });

      expect([token.status, token.cors]).toEqual([200, origin]);
      expect([attachments.status, attachments.cors]).toEqual([200, origin]);
    },
  );

  it.each(['sqs', 'dynamodb'])('has nothing to do at %s', async (part) => {
    const answer = await sendTo(part, { origin: 'http://localhost:3000' });

    expect([answer.status, answer.cors]).toEqual([403, undefined]);
  });
});

describe('a program without the keys of this start', () => {
  const wrong = { accessKeyId: 'local', secretAccessKey: 'local-secret' };
  const unknown = { accessKeyId: 'other', secretAccessKey: 'x' };

  it.each([wrong, unknown])('reaches neither table, queue nor topic: $accessKeyId', async (credentials) => {
    const { dynamodbUrl, sqsUrl, snsUrl } = stack.urls;
    const dynamodb = new DynamoDBClient({ region, credentials, endpoint: dynamodbUrl });
    const sqs = new SQSClient({ region, credentials, endpoint: sqsUrl });
    const sns = new SNSClient({ region, credentials, endpoint: snsUrl });

    const listing = dynamodb.send(new ListTablesCommand({}));
    await expect(listing).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    const queues = sqs.send(new ListQueuesCommand({}));
    await expect(queues).rejects.toMatchObject({ name: 'UnrecognizedClientException' });
    const topics = sns.send(new CreateTopicCommand({ Name: 'x' }));
    await expect(topics).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });

    for (const client of [dynamodb, sqs, sns]) client.destroy();
  });

  it('reaches nothing when it does not sign, nor the admin interface of the queue server', async () => {
    expect((await sendTo('dynamodb', {})).body).toContain('UnrecognizedClientException');
    for (const path of ['/', '/health', '/_fauxqs/queues', '/probe-dev-bucket', '/nowhere']) {
      expect([path, (await send(`${stack.urls.sqsUrl}${path}`, {})).status]).toEqual([path, 403]);
    }
    expect((await sendTo('sqs', {})).status).toBe(403);
  });

  it('cannot put another body under a signature, nor say what it hashes to', async () => {
    const { dynamodbUrl } = stack.urls;
    const client = new DynamoDBClient({ region, credentials: stack.credentials, endpoint: dynamodbUrl });
    let signed: Record<string, string> = {};
    client.middlewareStack.add(
      (next) => (args) => {
        if (typeof args.request === 'object' && args.request !== null && 'headers' in args.request) {
          signed = z.record(z.string(), z.string()).parse(args.request.headers);
        }
        return next(args);
      },
      { step: 'deserialize' },
    );
    await client.send(new ListTablesCommand({}));
    client.destroy();
    const { 'content-length': _length, ...headers } = signed;

    const again = await send(dynamodbUrl, { method: 'POST', headers, body: '{}' });
    const other = await send(dynamodbUrl, { method: 'POST', headers, body: '{"Limit":1}' });
    const target = { ...headers, 'x-amz-target': 'DynamoDB_20120810.Scan' };
    const turned = await send(dynamodbUrl, { method: 'POST', headers: target, body: '{}' });
    const unhashed = { ...headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    const open = await send(dynamodbUrl, { method: 'POST', headers: unhashed, body: '{}' });

    expect(again.status).toBe(200);
    for (const { status, body } of [other, turned, open]) {
      expect([status, body]).toEqual([400, expect.stringContaining('UnrecognizedClientException')]);
    }
  });
});
