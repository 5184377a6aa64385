import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DynamoDBClient, GetItemCommand, ListTablesCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { listen } from '../../../local/listen.ts';
import { startStack } from '../../../local/stack.ts';
import { eventually, isRunning } from '../../support/eventually.ts';
import { PROBE_DIRECTORY, makeTemporaryDirectory, startProbeStack } from '../../support/probe-stack.ts';

const URL_NAMES = ['apiUrl', 'tokenUrl', 's3Url', 'sqsUrl', 'snsUrl', 'dynamodbUrl', 'ipdUrl', 'ipdAdminUrl'];
const FREE_PORTS = {
  PORT: '0',
  S3_PORT: '0',
  SQS_PORT: '0',
  DYNAMODB_PORT: '0',
  IPD_PORT: '0',
  ISSUER_PORT: '0',
};
const ROOT = join(import.meta.dirname, '../../..');

const urlsSchema = z.record(z.string(), z.url());
const tokenSchema = z.object({ access_token: z.string() });
const pidSchema = z.object({ pid: z.number() });
const region = 'eu-central-1';

let data: Awaited<ReturnType<typeof makeTemporaryDirectory>>;
let stop: () => Promise<void>;

beforeEach(async () => {
  data = await makeTemporaryDirectory();
  stop = async () => undefined;
});

afterEach(async () => {
  await stop();
  await data.remove();
});

async function start(environment: Record<string, string> = {}) {
  const stack = await startProbeStack({ dataDirectory: data.path, environment });
  stop = stack.stop;
  return stack;
}

async function askPid(apiUrl: string): Promise<number> {
  const response = await fetch(`${apiUrl}/items/1?do=pid`);
  return pidSchema.parse(await response.json()).pid;
}

describe('startStack', () => {
  it('lets a token of its issuer through, and no call without one', async () => {
    const { urls } = await start();
    expect(Object.keys(urls).toSorted()).toEqual(URL_NAMES.toSorted());

    const body = JSON.stringify({ sub: 'user-1', projects: ['p1', 'p2'] });
    const { access_token } = tokenSchema.parse(
      await (await fetch(urls.tokenUrl, { method: 'POST', body })).json(),
    );
    const welcome = await fetch(`${urls.apiUrl}/secret`, {
      headers: { authorization: `Bearer ${access_token}` },
    });
    const stranger = await fetch(`${urls.apiUrl}/secret`);

    expect(await welcome.json()).toMatchObject({
      requestContext: { authorizer: { jwt: { claims: { sub: 'user-1', projects: '[p1 p2]' } } } },
    });
    expect(stranger.status).toBe(401);
    expect(stranger.headers.get('www-authenticate')).toBe('Bearer');
    expect(await stranger.text()).toBe('{"message":"Unauthorized"}');
  });

  it('gives the functions names and endpoints that work from where they run', async () => {
    const { urls } = await start({ GREETING: 'good day' });

    const environment = await (await fetch(`${urls.apiUrl}/items/1?do=environment`)).json();

    expect(environment).toMatchObject({
      GREETING: 'good day',
      BUCKET: 'probe-dev-bucket',
      TABLE: 'probe-dev-table',
      TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:probe-dev-topic',
      QUEUE_URL: `${urls.sqsUrl}/000000000000/probe-dev-workqueue`,
      AWS_ENDPOINT_URL_S3: urls.s3Url,
    });
  });

  it('brings the event of a new object to the function', async () => {
    const { urls, credentials, logs } = await start();
    const s3 = new S3Client({ region, credentials, endpoint: urls.s3Url });

    await s3.send(new PutObjectCommand({ Bucket: 'probe-dev-bucket', Key: 'in/a b', Body: 'x' }));
    const { line } = await logs.waitFor((entry) => entry.line.includes('ObjectCreated:Put'));

    expect(JSON.parse(line)).toMatchObject({ Records: [{ eventSource: 'aws:sqs' }] });
    expect(line).toContain('in/a+b');
    s3.destroy();
  });

  it('gives a failed message to the function again, and only that one', async () => {
    const { urls, credentials, logs } = await start();
    const sqs = new SQSClient({ region, credentials, endpoint: urls.sqsUrl });
    const QueueUrl = `${urls.sqsUrl}/000000000000/probe-dev-workqueue`;

    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'fail' }));
    // The first function may be slower than the second.
    for (const count of [1, 2])
      await logs.waitFor(({ line }) => line.includes(`"ApproximateReceiveCount":"${count}"`));

    expect(logs.lines.filter(({ line }) => line.includes('"body":"fail"'))).toHaveLength(2);
    sqs.destroy();
  });

  it('makes other keys at every start', async () => {
    const first = await start();
    await first.stop();
    const second = await start();

    const keysOf = (stack: typeof first) => [
      stack.credentials.secretAccessKey,
      stack.iam.keyOf('echo').secretAccessKey,
      stack.iam.keyOf('work').secretAccessKey,
      stack.ipdCredentials.secretKey,
      stack.ipdCredentials.password,
    ];
    expect(new Set([...keysOf(first), ...keysOf(second)]).size).toBe(10);
  });

  it('keeps its data where only its user can read them, also those of an earlier version', async () => {
    await mkdir(join(data.path, 's3'), { mode: 0o755 });
    ({ stop } = await startProbeStack({ dataDirectory: data.path, cacheDirectory: undefined }));

    const names = await readdir(data.path);
    const modes = await Promise.all(
      names.map(async (name) => (await stat(join(data.path, name))).mode & 0o777),
    );
    expect(names.toSorted()).toEqual(['compile-cache', 'dynamodb', 'ipd', 'issuer', 's3']);
    expect(modes).toEqual(names.map(() => 0o700));
  });

  it('runs the scheduled functions on demand', async () => {
    const { fireSchedules, logs } = await start();

    await fireSchedules();

    const { functionKey } = await logs.waitFor(({ line }) => line.includes('Scheduled Event'));
    expect(functionKey).toBe('work');
  });

  it('keeps the items of its tables over a restart', async () => {
    const first = await start();
    const put = { TableName: 'probe-dev-table', Item: { pk: { S: 'a' } } };
    const { credentials } = first;
    const one = new DynamoDBClient({ region, credentials, endpoint: first.urls.dynamodbUrl });
    await one.send(new PutItemCommand(put));
    one.destroy();
    await first.stop();

    const second = await start();
    const other = new DynamoDBClient({
      region,
      credentials: second.credentials,
      endpoint: second.urls.dynamodbUrl,
    });
    const found = await other.send(new GetItemCommand({ TableName: 'probe-dev-table', Key: put.Item }));
    other.destroy();

    expect(found.Item).toEqual(put.Item);
  });

  it('uses the parts that are given and makes what is missing there', async () => {
    const first = await start();
    const second = await startStack({
      ports: 'free',
      dataDirectory: join(data.path, 'second'),
      serviceDirectory: PROBE_DIRECTORY,
      environment: {
        AWS_ENDPOINT_URL_S3: first.urls.s3Url,
        AWS_ENDPOINT_URL_SQS: first.urls.sqsUrl,
        AWS_ENDPOINT_URL_DYNAMODB: first.urls.dynamodbUrl,
        AWS_ENDPOINT_URL_SNS: first.urls.snsUrl,
        IPD_ENDPOINT: first.urls.ipdUrl,
        ISSUER_URL: first.urls.tokenUrl.replace('/token', ''),
        AWS_ACCESS_KEY_ID: first.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: first.credentials.secretAccessKey,
        AWS_SESSION_TOKEN: '',
      },
    });
    await second.stop();

    const { accessKeyId, secretAccessKey } = first.credentials;
    expect(second.credentials).toMatchObject({ accessKeyId, secretAccessKey });
    expect(Object.keys(second.operatorEnvironment)).not.toContain('AWS_SECRET_ACCESS_KEY');
    const { apiUrl: one, ...shared } = first.urls;
    const { apiUrl: other, ...used } = second.urls;
    expect(used).toEqual(shared);
    expect(other).not.toBe(one);
  });

  it('survives a function that is killed in the middle of a write to DynamoDB', async () => {
    const { urls } = await start();
    const call = fetch(urls.dynamodbUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'DynamoDB_20120810.PutItem' },
      body: new ReadableStream({ pull: (stream) => stream.error(new Error('gone')) }),
      duplex: 'half',
    });
    await expect(call).rejects.toThrow('fetch failed');

    expect((await fetch(urls.dynamodbUrl)).status).toBe(400);
  });

  it('tells a taken port in one line and leaves nothing running', async () => {
    const taken = await listen(createServer(), 0);
    const options = {
      ports: 'default',
      dataDirectory: data.path,
      serviceDirectory: PROBE_DIRECTORY,
      environment: { ...FREE_PORTS, DYNAMODB_PORT: String(taken.port) },
    } as const;

    await expect(startStack(options)).rejects.toThrow(
      `dynamodb: port ${taken.port} is already in use; set DYNAMODB_PORT to another one`,
    );

    // A stack that still ran would have the lock of the data directory.
    await taken.close();
    ({ stop } = await startStack(options));
  });

  it('refuses a port that is none', async () => {
    const environment = { ...FREE_PORTS, S3_PORT: 'many' };
    const options = {
      ports: 'default',
      dataDirectory: data.path,
      serviceDirectory: PROBE_DIRECTORY,
    } as const;

    await expect(startStack({ ...options, environment })).rejects.toThrow(
      'S3_PORT must be a port number, not "many"',
    );
  });
});

describe('npm start', () => {
  let child: ChildProcess;

  afterEach(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });

  async function run(environment: Record<string, string> = {}): Promise<string[]> {
    const program = [join(ROOT, 'tools', 'run.mjs'), join(ROOT, 'local', 'start.ts'), PROBE_DIRECTORY];
    child = spawn(process.execPath, program, {
      env: { ...process.env, ...FREE_PORTS, LOCAL_DATA_DIRECTORY: data.path, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: string[] = [];
    if (child.stdout === null) return lines;
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line === 'ready') break;
    }
    return lines;
  }

  const readUrls = async () =>
    urlsSchema.parse(JSON.parse(await readFile(join(data.path, 'stack.json'), 'utf8')));

  it('prints where each part is and writes the same to stack.json', async () => {
    const lines = await run();
    const urls = await readUrls();

    expect(Object.keys(urls).toSorted()).toEqual(URL_NAMES.toSorted());
    for (const url of Object.values(urls)) expect(lines.some((line) => line.endsWith(url))).toBe(true);
    expect(lines.at(-1)).toBe('ready');
  });

  it('warns of the networks that it opens itself to, and writes down the URLs for them', async () => {
    const started = run({ HOST: '0.0.0.0', PUBLIC_HOST: 'desk.test' });
    const errors: string[] = [];
    if (child.stderr !== null)
      createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
    await started;
    const { apiUrl = '', tokenUrl = '' } = await readUrls();
    child.kill('SIGTERM');
    await once(child, 'close');

    expect(errors).toEqual([
      'WARNING: HOST=0.0.0.0 opens the stack to all networks of this machine: anyone there can get tokens for any user, upload, and read all files',
    ]);
    expect([new URL(apiUrl).hostname, new URL(tokenUrl).hostname]).toEqual(['desk.test', 'desk.test']);
  });

  it('does not start twice on one directory, even if it cannot reach its own public host', async () => {
    await run({ PUBLIC_HOST: 'desk.test' });
    const first = child;
    const second = run({ PUBLIC_HOST: 'desk.test' });
    const errors: string[] = [];
    if (child.stderr !== null)
      createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
    const [code] = await once(child, 'close');
    await second;
    child = first;

    expect(code).toBe(1);
    expect(errors).toEqual([expect.stringContaining('A stack is running on')]);
  });

  it('writes down for an operator what opens its parts, where only its user can read it', async () => {
    await writeFile(join(data.path, 'stack.json'), '{}', { mode: 0o644 });
    await run();
    const urls = await readUrls();
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...rest } = parseEnv(
      await readFile(join(data.path, 'keys.env'), 'utf8'),
    );

    expect(rest).toMatchObject({
      AWS_REGION: region,
      AWS_ENDPOINT_URL_DYNAMODB: urls['dynamodbUrl'],
      AWS_ENDPOINT_URL_SQS: urls['sqsUrl'],
      AWS_SESSION_TOKEN: '',
      IPD_CREDENTIALS: expect.stringMatching(/^\{"accessKey":/),
    });
    const dynamodb = new DynamoDBClient({
      region,
      endpoint: urls['dynamodbUrl'] ?? '',
      credentials: { accessKeyId: AWS_ACCESS_KEY_ID ?? '', secretAccessKey: AWS_SECRET_ACCESS_KEY ?? '' },
    });
    const found = await dynamodb.send(new ListTablesCommand({}));
    dynamodb.destroy();
    expect(found.TableNames).toEqual(['probe-dev-table']);
    for (const name of ['stack.json', 'keys.env', 'settings.json']) {
      expect([name, (await stat(join(data.path, name))).mode & 0o777]).toEqual([name, 0o600]);
    }
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends with 0 on %s and leaves no process, no stack.json and no keys',
    async (signal) => {
      await run();
      const urls = await readUrls();
      const pid = await askPid(urls['apiUrl'] ?? '');

      child.kill(signal);
      const [code] = await once(child, 'exit');

      expect(code).toBe(0);
      expect(isRunning(pid)).toBe(false);
      expect(existsSync(join(data.path, 'stack.json'))).toBe(false);
      expect(existsSync(join(data.path, 'keys.env'))).toBe(false);
      await expect(fetch(urls['s3Url'] ?? '')).rejects.toThrow('fetch failed');
    },
  );

  it('takes its children along even when it is killed', async () => {
    await run();
    const pid = await askPid((await readUrls())['apiUrl'] ?? '');

    child.kill('SIGKILL');

    await eventually(() => !isRunning(pid));
    expect(isRunning(pid)).toBe(false);
  });

  it('ends with 1 and one line when a port is taken', async () => {
    const taken = await listen(createServer(), 0);
    const started = run({ ISSUER_PORT: String(taken.port) });
    const errors: string[] = [];
    if (child.stderr !== null)
      createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
    const [code] = await once(child, 'close');
    await started;
    await taken.close();

    expect(code).toBe(1);
    expect(errors).toEqual([`issuer: port ${taken.port} is already in use; set ISSUER_PORT to another one`]);
  });

  it('writes what a function logs into a file of its own', async () => {
    await run();
    const { apiUrl = '' } = await readUrls();
    await fetch(`${apiUrl}/items/1?do=throw`);
    child.kill('SIGTERM');
    await once(child, 'exit');

    expect(await readFile(join(data.path, 'logs', 'echo.log'), 'utf8')).toContain('asked to throw');
  });
});
