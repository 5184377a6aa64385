import { afterAll, describe, expect, it } from '@jest/globals';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toEnvFile } from '../../../local/settings.ts';
import { putFile } from '../../support/answer.ts';
import { operate } from '../../support/operator.ts';
import { useDirectory } from '../../support/use-directory.ts';
import { useProduct } from '../../support/use-product.ts';
import { issueId, projectId } from '../../support/world.ts';

const product = await useProduct();
const directory = await useDirectory();
const environment = { ...process.env };

// As npm start writes it down.
await writeFile(join(directory, 'stack.json'), JSON.stringify(product.urls));
await writeFile(join(directory, 'keys.env'), toEnvFile(product.operatorEnvironment));
await writeFile(join(directory, 'settings.json'), JSON.stringify(product.settings));
process.env['LOCAL_DATA_DIRECTORY'] = directory;
afterAll(async () => {
  process.env = environment;
});

describe('npm run ops on the stack that npm start runs', () => {
  it('smoke sends a file the whole way, says what became of it, and another file each time', async () => {
    const first = await operate('smoke', '--local');
    const second = await operate('smoke', '--local');

    expect(first.well).toBe(true);
    expect(first.said.map((line) => line.replace(/ (\d+) ms/, ''))).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/answers in.*files go on to IPD$/),
        expect.stringMatching(/awaiting_upload as [0-9a-f-]{36}$/),
        `attachment ${first.answer.attachmentId}`,
      ]),
    );
    expect(second.answer).toMatchObject({ status: 'delivered' });
    expect(await product.received()).toHaveLength(2);
  });

  it('smoke fails when IPD does not get the file', async () => {
    await product.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);

    const { well, answer } = await operate('smoke', '--local');

    expect({ well, answer }).toMatchObject({
      well: false,
      answer: { status: 'failed', code: 'ipd_forbidden' },
    });
    await product.faults([]);
  });

  it('smoke says what of the token to check when it is refused', async () => {
    const claims = { iss: 'https://other.example.com', aud: ['other'], exp: 1_700_000_000, sub: 'li.wei' };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.c2lnbmF0dXJl`;

    const other = await operate('smoke', '--local', '--token', token);
    const none = await operate('smoke', '--local', '--token', 'a-word');

    expect(other.well).toBe(false);
    expect(other.said[0]).toMatch(
      /refuses the token: it is over; its issuer \(iss\) is "https:\/\/other\.example\.com", .*ISSUER_URL.*\["other"\].*JWT_AUDIENCE.*2023-11-14/,
    );
    expect(none.said[0]).toMatch(/refuses the token: it is no JWT/);
    expect(JSON.stringify([other, none])).not.toMatch(/li\.wei|c2lnbmF0dXJl/);
  });

  it('a dead letter that is put back leads to a delivery', async () => {
    const bytes = Buffer.from('put back');
    await product.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);
    const about = { projectId, issueId, filename: 'a.txt', contentType: 'text/plain', size: bytes.length };
    const { id, signed } = await product.call('POST /v1/uploads', { body: about });
    await putFile(signed(), bytes);
    await product.follow(id, (status) => status === 'waiting');
    await product.faults([]);
    const upload = await product.ledger.find(id);
    const sqs = new SQSClient({
      region: 'eu-central-1',
      endpoint: product.urls.sqsUrl,
      credentials: product.credentials,
    });
    const QueueUrl = product.settings['DELIVERY_QUEUE_URL']?.replace(/queue$/, 'deadletters');
    const MessageBody = JSON.stringify({ uploadId: id, attempt: (upload?.attempts ?? 0) + 1 });
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    sqs.destroy();

    const { answer } = await operate('dead-letters', '--redrive', '--local');
    await product.follow(id);

    expect(answer).toMatchObject({ moved: 1, deadLetters: [{ kind: 'request', uploadId: id }] });
    const shown = await operate('show', id, '--local');
    expect(shown.answer.history.map(({ what }: { what: string }) => what)).toEqual([
      'created',
      'delivering, attempt 1',
      'waiting, ipd_unavailable',
      'delivering, attempt 2',
      'delivered',
    ]);
  });
});
