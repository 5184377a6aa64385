import { SQSClient } from '@aws-sdk/client-sqs';
import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from '@jest/globals';
import { SOURCE_BUCKET, useIngest } from '../../support/use-ingest.ts';
import { issueId, projectId } from '../../support/world.ts';

const world = await useIngest();
const sqs = new SQSClient({ region: 'eu-central-1' });
sqs.middlewareStack.add(
  () => async () => {
    throw new Error('the queue is out');
  },
  { step: 'initialize', name: 'break-off' },
);
afterAll(() => sqs.destroy());

describe('what cannot be queued', () => {
  it('lets the message of a drop come again, which is staged by then', async () => {
    const { ingestion } = world.build({ sqs, ingest: { promptPerMinute: 60_000 } });
    const drop = await world.put();

    await expect(ingestion.onMessage(drop.event, randomUUID())).rejects.toThrow('the queue is out');
    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
    await world.staging.remove(drop.key);
  });

  it('lets a request over the quota come again', async () => {
    const { ingestion } = world.build({ sqs, ingest: { maxOpen: 1 } });
    await world.build().ingestion.onMessage((await world.put()).event, randomUUID());
    const key = 'a.log';
    const source = { bucket: SOURCE_BUCKET, key };
    await world.put(Buffer.from('a'), { key, Bucket: source.bucket });
    const request = { requestId: randomUUID(), source, projectId, issueId };

    await expect(ingestion.onMessage(JSON.stringify(request), randomUUID())).rejects.toThrow(
      'the queue is out',
    );
  });
});
