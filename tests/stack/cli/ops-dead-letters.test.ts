import { describe, expect, it } from '@jest/globals';
import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { randomUUID } from 'node:crypto';
import { startRecorder } from '../bench/recorder.ts';
import { operate } from '../../support/operator.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ ends: 'sockets' });
const { QueueUrl = '' } = await world.clients.sqs.send(
  new GetQueueUrlCommand({ QueueName: 'test-deliverydeadletters' }),
);
const deadLetters = new URL(new URL(QueueUrl).pathname, world.config.queueUrl).href;

const bury = (body: object | string) =>
  world.clients.sqs.send(
    new SendMessageCommand({
      QueueUrl: deadLetters,
      MessageBody: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  );

const run = (...args: string[]) => operate('dead-letters', ...args);

describe('npm run ops -- dead-letters', () => {
  it('lists what they ask for and leaves them where they are; then puts them back, and each is worked off', async () => {
    const bytes = Buffer.from('lost on the way');
    const upload = await world.stage(bytes);
    const { etag } = world.arrival(upload, bytes);
    await world.requestsFor(upload.id);
    const eventName = 'ObjectCreated:Put';
    const object = { key: `staging/${upload.id}`, eTag: etag, size: bytes.length };
    await bury({ Records: [{ eventName, s3: { object } }] });
    await bury({ uploadId: upload.id, attempt: 1 });
    await bury('what is this?');

    const first = await run();
    const second = await run();
    const moved = await run('--redrive');
    const left = await run();

    expect(second.answer.deadLetters).toHaveLength(3);
    expect(first.answer.moved).toBe(0);
    expect(first.answer.deadLetters).toHaveLength(3);
    expect(first.answer.deadLetters).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'arrival', uploadId: upload.id, status: 'awaiting_upload' }),
        expect.objectContaining({ kind: 'request', uploadId: upload.id }),
        expect.not.objectContaining({ kind: expect.anything() }),
      ]),
    );
    expect(moved.answer.moved).toBe(3);
    expect(moved.said.at(-1)).toBe('3 went back to the delivery queue.');
    expect(left.answer).toEqual({ deadLetters: [], moved: 0 });
    expect(await world.requestsFor(upload.id)).toEqual([JSON.stringify({ uploadId: upload.id, attempt: 1 })]);
  });

  it('puts back no more than --limit allows', async () => {
    await bury({ uploadId: randomUUID(), attempt: 1 });
    await bury({ uploadId: randomUUID(), attempt: 1 });

    const { answer } = await run('--redrive', '--limit', '1');

    expect(answer.moved).toBe(1);
    expect((await run('--redrive')).answer.moved).toBe(1);
  });

  it('receives the next ones when those before are back, so that none shows up again meanwhile', async () => {
    for (let sent = 0; sent < 12; sent += 1) await bury({ uploadId: randomUUID(), attempt: 1 });
    const recorder = await startRecorder(world.config.queueUrl);
    const before = { ...process.env };
    const queueUrl = new URL(new URL(world.config.queueUrl).pathname, recorder.url).href;
    Object.assign(process.env, { AWS_ENDPOINT_URL_SQS: recorder.url, DELIVERY_QUEUE_URL: queueUrl });

    const [moved] = await Promise.allSettled([run('--redrive')]);
    process.env = before;
    await recorder.close();

    expect(moved).toMatchObject({ value: { answer: { moved: 12 } } });
    const calls = recorder.take().map(({ name }) => name);
    const [second, third] = calls.flatMap((name, at) => (name === 'ReceiveMessage' ? [at] : [])).slice(1);
    const deletedBefore = (at = 0) => calls.slice(0, at).filter((name) => name === 'DeleteMessage').length;
    expect([deletedBefore(second), deletedBefore(third)]).toEqual([10, 12]);
  });

  it('shows more than are received at once, each of them once, and leaves all of them', async () => {
    for (let sent = 0; sent < 12; sent += 1) await bury({ uploadId: randomUUID(), attempt: 1 });

    const { answer } = await run();

    const ids: string[] = answer.deadLetters.map(({ messageId }: { messageId: string }) => messageId);
    expect([ids.length, new Set(ids).size, answer.moved]).toEqual([12, 12, 0]);
    expect((await run('--redrive')).answer.moved).toBe(12);
  });
});
