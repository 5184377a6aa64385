/** The first event of a function, new for each start, and the checks that a handler has done the whole job with it. */
import { randomInt } from 'node:crypto';
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { KIB } from '../lib/domain/units.ts';
import { WORK_ITEM, arrivalEvent, newUpload } from './arrival.ts';
import { newCreateEvent } from './create-event.ts';
import type { Servers } from './servers.ts';

/** `check` throws when the handler that gave this answer has not done its job. */
export type FirstEvent = { event: object; check: (answer: unknown) => Promise<void> };

const SIZE = KIB;

/** A user's first upload: the answer must have a presigned URL. */
export function newCreation(): FirstEvent {
  return {
    event: newCreateEvent({ size: SIZE }),
    check: async (answer) => {
      const text = JSON.stringify(answer);
      if (!text.includes('"statusCode":201') || !text.includes('X-Amz-Signature=')) throw new Error(text);
    },
  };
}

/** A file that has arrived, and the bridge's record of it: IPD must have the file, the record the attachment's id. */
export async function newDelivery({ ledger, received }: Servers): Promise<FirstEvent> {
  const upload = newUpload({ size: SIZE, workItem: newWorkItem() });
  await ledger.add([upload]);
  received.length = 0;
  return {
    event: arrivalEvent({ key: `staging/${upload.id}`, size: SIZE }),
    check: async () => {
      const { status } = (await ledger.find(upload.id)) ?? {};
      if (status !== 'delivered') throw new Error(`the upload is ${status}`);
      checkReceived(received);
    },
  };
}

/** The same for `peers/naive-deliver.ts`, with a record as `peers/naive.ts` writes it. */
export async function newNaiveDelivery({ ledger, received }: Servers): Promise<FirstEvent> {
  const upload = newUpload({ size: SIZE, workItem: newWorkItem() });
  const { id, projectId, issueId, filename, contentType } = upload;
  const texts = { pk: id, projectId, issueId, filename, contentType };
  const Item = Object.fromEntries(Object.entries(texts).map(([name, S]) => [name, { S }]));
  const { dynamodb } = ledger.clients;
  await dynamodb.send(
    new PutItemCommand({ TableName: ledger.table, Item: { ...Item, size: { N: String(SIZE) } } }),
  );
  received.length = 0;
  return {
    event: arrivalEvent({ key: id, size: SIZE }),
    check: async () => {
      const found = await dynamodb.send(
        new GetItemCommand({ TableName: ledger.table, Key: { pk: { S: id } } }),
      );
      if (found.Item?.['attachmentId'] === undefined) throw new Error('the record has no attachment');
      checkReceived(received);
    },
  };
}

/** A work item without earlier files: the bridge reads the records of those of the same size. */
function newWorkItem(): typeof WORK_ITEM {
  return { ...WORK_ITEM, issueId: String(randomInt(1e14)) };
}

function checkReceived(received: readonly number[]): void {
  if (String(received) !== String(SIZE)) throw new Error(`IPD has received "${String(received)}"`);
}
