import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { listen } from '../../local/listen.ts';
import { runCommandLine } from '../support/run-command.ts';

const program = join(import.meta.dirname, '../../tools/node_modules/serverless/bin/serverless.js');

/** AWS's query APIs, as far as a removal asks them before it deletes anything. */
let keys: string[];
const asked: string[] = [];
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const action = new URLSearchParams(await text(request)).get('Action') ?? `${request.method} ${request.url}`;
  asked.push(action);
  const members = keys.map((id) => `<member><AccessKeyId>${id}</AccessKeyId></member>`).join('');
  const results: Record<string, string> = {
    DescribeStackResource:
      '<StackResourceDetail><PhysicalResourceId>bridge-prod-SigningUser</PhysicalResourceId></StackResourceDetail>',
    ListAccessKeys: `<AccessKeyMetadata>${members}</AccessKeyMetadata>`,
  };
  const result = results[action];
  response.statusCode = result === undefined ? 400 : 200;
  response.setHeader('content-type', 'text/xml');
  response.end(
    result === undefined
      ? '<ErrorResponse><Error><Code>Refused</Code><Message>no more</Message></Error></ErrorResponse>'
      : `<${action}Response><${action}Result>${result}</${action}Result></${action}Response>`,
  );
}

let running: Awaited<ReturnType<typeof listen>>;
beforeAll(async () => {
  running = await listen(
    createServer((request, response) => void answer(request, response)),
    0,
  );
});
beforeEach(() => {
  asked.length = 0;
});
afterAll(() => running.close());

async function remove(): Promise<string[]> {
  const { code, stdout, stderr } = await runCommandLine(program, ['remove', '--stage', 'prod'], {
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local-secret',
    AWS_MAX_ATTEMPTS: '1',
    AWS_ENDPOINT_URL: running.url,
    // No setting is needed to remove a stage.
    MAX_FILE_BYTES: '50MB',
  }).ended;
  expect(code).toBe(1);
  return [...stdout, ...stderr];
}

const touched = () =>
  asked.filter((action) => !/^(DescribeStackResource|ListAccessKeys|GetCallerIdentity)$/.test(action));

it('serverless remove says which key has to go first, before it deletes anything', async () => {
  keys = ['AKIAONE', 'AKIATWO'];

  const lines = await remove();

  const command = 'aws iam delete-access-key --user-name bridge-prod-SigningUser --access-key-id';
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringContaining('The key that signs URLs has to go first'),
      expect.stringContaining(`${command} AKIAONE`),
      expect.stringContaining(`${command} AKIATWO`),
    ]),
  );
  expect(touched()).toEqual([]);
});

it('serverless remove goes on where there is no such key', async () => {
  keys = [];

  const lines = await remove();

  expect(lines.join('\n')).not.toContain('has to go first');
  expect(asked).toContain('ListAccessKeys');
  expect(touched()).not.toEqual([]);
});
