import { SQSClient } from '@aws-sdk/client-sqs';
import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from '@jest/globals';
import { useWorld } from '../../support/use-world.ts';
import { caller } from '../../support/world.ts';

const world = await useWorld();
const sqs = new SQSClient({ region: 'eu-central-1' });
sqs.middlewareStack.add(
  () => async () => {
    throw new Error('the queue is out');
  },
  { step: 'initialize', name: 'break-off' },
);
afterAll(() => sqs.destroy());
/** Services whose queue takes nothing. */
const { uploads } = world.build({ sqs });

describe('a delivery that cannot be queued', () => {
  it('is a failure of the call that says that the file is complete', async () => {
    const { id } = await world.stage();

    await expect(uploads.complete(caller, id)).rejects.toThrow('the queue is out');
    expect(await world.find(id)).toMatchObject({ status: 'staged' });
  });

  it('is a failure of the call that asks for another try', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const { id, status } = await world.deliver(randomBytes(10));

    await expect(uploads.retry(caller, id)).rejects.toThrow('the queue is out');
    expect(status).toBe('failed');
  });
});
