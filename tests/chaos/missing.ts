/**
 * Products that lack a part, for the tests of the oracle: the ends that one container of such a product sees, and how it
 * speaks to IPD. Each changes one thing. What is taken away by settings and in `seams.ts` is in `world.ts`.
 */
import { Readable } from 'node:stream';
import { CopyObjectCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { PublishCommand } from '@aws-sdk/client-sns';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { Send } from '../../lib/ipd/wire.ts';
import type { Documents } from '../ends/documents.ts';
import { createObjects } from '../ends/objects.ts';
import { refusal } from '../ends/refusal.ts';
import { parseNotification } from '../ends/topic.ts';
import type { Ends } from './seams.ts';

type Item = Record<string, unknown>;

/** Changes an item on its way to the table; undefined for a write that only seems to be made. */
type Change = (item: Item, before: Item | undefined) => Item | undefined;

const isUpload = ({ pk }: Item): boolean => String(pk).startsWith('upload#');

/** By the part that is missing: what the product writes instead. */
const WRITES = {
  claims: () => (item) => (String(item['pk']).startsWith('attachment#') ? undefined : item),
  taking: () => (item) => (item['status'] === 'removed' ? undefined : item),
  expiry: () => (item) => (item['status'] === 'expired' ? undefined : item),
  cancellation: () => (item) => (item['status'] === 'cancelled' ? undefined : item),
  leaseEnd: () => (item, before) => {
    const isByAnother = before?.['status'] === 'delivering' && item['status'] !== 'delivering';
    const isLapsed = Object(item['lastError']).code === 'lease_lost';
    return isByAnother && (isLapsed || item['status'] === 'unconfirmed') ? undefined : item;
  },
  duplicates: () => (item) => ({ ...item, duplicates: undefined }),
  wrongDuplicates: () => (item) =>
    isUpload(item) && item['status'] === 'delivered'
      ? { ...item, duplicates: [item['attachmentId'] ?? 'none'] }
      : item,
  reasons: () => (item) =>
    item['status'] === 'failed'
      ? { ...item, lastError: { ...Object(item['lastError']), code: 'too_large_for_ipd' } }
      : item,
  refusals: (now) => (item) => {
    if (item['status'] !== 'failed') return item;
    const deliveredAt = new Date(now).toISOString();
    return { ...item, status: 'delivered', attachmentId: null, deliveredAt, lastError: undefined };
  },
  absences: () => (item) =>
    item['doubt'] === undefined ? item : { ...item, doubt: { ...Object(item['doubt']), absences: 0 } },
  backoff: (now) => (item) =>
    item['status'] === 'waiting' ? { ...item, dueAt: new Date(now).toISOString() } : item,
} satisfies Record<string, (now: number) => Change>;

export type MissingInEnds =
  | keyof typeof WRITES
  | 'workItemVersion'
  | 'arrivals'
  | 'requests'
  | 'thrift'
  | 'openness'
  | 'promptNotifications'
  | 'promptRemoval'
  | 'recordedCopies'
  | 'exactCopies'
  | 'replays'
  | 'listings'
  | 'linkedRemoval'
  | 'exactLinks';

const writes: Partial<Record<string, (now: number) => Change>> = WRITES;

/** How late the product without promptness is. */
const LATE_MS = 30 * 60_000;
/** How often the product without restraint asks. */
const REPEATS = 12;

/** The ends of one container of this kind. */
export function withhold(
  missing: string | undefined,
  ends: Ends,
  { kind, now }: { kind: string; now: () => number },
): Ends {
  const isSweep = kind === 'sweep';
  const change = writes[missing ?? ''];
  if (change !== undefined) return { ...ends, documents: changed(ends.documents, change, now) };
  const { documents, objects, queue, topic } = ends;
  switch (missing) {
    case 'workItemVersion':
      return { ...ends, documents: { ...documents, execute: takeOver(documents) } };
    case 'arrivals':
      return isSweep ? { ...ends, objects: createObjects() } : ends;
    case 'requests':
      return isSweep ? { ...ends, queue: { ...queue, execute: () => ({}) } } : ends;
    case 'thrift':
      return isSweep ? { ...ends, documents: { ...documents, execute: readAll(documents) } } : ends;
    case 'openness':
      return kind === 'uploads' ? { ...ends, documents: { ...documents, execute: hide(documents) } } : ends;
    case 'promptNotifications':
      return { ...ends, topic: { ...topic, execute: publishLate(topic, now) } };
    case 'replays':
      return { ...ends, topic: { ...topic, execute: publishAsFirst(topic) } };
    case 'recordedCopies':
      return { ...ends, objects: { ...objects, execute: removeFirst(objects) } };
    case 'exactCopies':
      return { ...ends, objects: { ...objects, execute: copyOthers(objects) } };
    case 'linkedRemoval':
      return { ...ends, objects: { ...objects, execute: keepLinked(objects) } };
    case 'exactLinks':
      return { ...ends, objects: { ...objects, execute: linkOthers(objects) } };
    case 'listings':
      return isSweep ? { ...ends, ingestQueue: { ...ends.ingestQueue, execute: () => ({}) } } : ends;
    case 'promptRemoval':
      return { ...ends, objects: { ...objects, execute: removeLate(objects, now) } };
    default:
      return ends;
  }
}

/** How the product without restraint speaks to IPD. */
export function withoutRestraint(send: Send): Send {
  return async (request) => {
    if (request.method === 'GET') for (let count = 1; count < REPEATS; count += 1) await send(request);
    return send(request);
  };
}

/** How the product without deletion of links speaks to IPD: they only seem to be deleted. */
export function withoutDeletion(send: Send): Send {
  return async (request) => {
    if (request.method !== 'DELETE') return send(request);
    const body = Readable.from([Buffer.from('{"status":"success","result":[]}')]);
    return { status: 200, headers: { 'content-type': 'application/json' }, body };
  };
}

function changed(documents: Documents, changeAt: (now: number) => Change, now: () => number): Documents {
  return {
    ...documents,
    execute: (command, options) => {
      if (!(command instanceof PutCommand)) return documents.execute(command, options);
      const { Item: item = {}, ...rest } = command.input;
      const written = changeAt(now())(item, documents.find(String(item['pk'])));
      if (written === undefined) return {};
      return documents.execute(new PutCommand({ ...rest, Item: written }), options);
    },
  };
}

/** A work item whose holder was found idle is taken over, though another upload has taken it meanwhile. */
function takeOver({ execute }: Documents): Documents['execute'] {
  return (command, options) => {
    if (!(command instanceof PutCommand)) return execute(command, options);
    const { TableName, Item, ExpressionAttributeValues: values = {} } = command.input;
    const isTakeover = String(Item?.['pk']).startsWith('work-item#') && values[':seen'] !== '';
    return execute(isTakeover ? new PutCommand({ TableName, Item }) : command, options);
  };
}

/** Every record, due or not. */
function readAll({ execute }: Documents): Documents['execute'] {
  return (command, options) => {
    if (!(command instanceof QueryCommand) || command.input.IndexName !== 'due')
      return execute(command, options);
    const values = { ...command.input.ExpressionAttributeValues, ':time': '2999-01-01T00:00:00.000Z' };
    return execute(new QueryCommand({ ...command.input, ExpressionAttributeValues: values }), options);
  };
}

/** Shows no attachment. */
function hide({ execute }: Documents): Documents['execute'] {
  return (command, options) => {
    const answer = execute(command, options);
    const item = command instanceof GetCommand && 'Item' in answer ? Object(answer.Item) : {};
    return item.status === 'delivered' ? { Item: { ...item, attachmentId: null } } : answer;
  };
}

function publishLate({ execute }: Ends['topic'], now: () => number): Ends['topic']['execute'] {
  return (command) => {
    const text = command instanceof PublishCommand ? (command.input.Message ?? '') : '';
    if (now() < Date.parse(parseNotification(text).time) + LATE_MS) throw new Error('not now');
    return execute(command);
  };
}

function removeLate({ execute }: Ends['objects'], now: () => number): Ends['objects']['execute'] {
  const since = now();
  return (command, reading) => {
    if (command instanceof DeleteObjectCommand && now() < since + LATE_MS) throw refusal(503, 'SlowDown');
    return execute(command, reading);
  };
}

/** Says of no notification that it is a replay. */
function publishAsFirst({ execute }: Ends['topic']): Ends['topic']['execute'] {
  return (command) => {
    if (!(command instanceof PublishCommand)) return execute(command);
    const { replayed: _replayed, ...first } = JSON.parse(command.input.Message ?? '');
    return execute(new PublishCommand({ ...command.input, Message: JSON.stringify(first) }));
  };
}

/** Removes a drop and then copies it, which storage refuses. */
function removeFirst({ execute }: Ends['objects']): Ends['objects']['execute'] {
  return (command, reading) => {
    if (command instanceof CopyObjectCommand) {
      const [Bucket, ...path] = command.input.CopySource?.split('/') ?? [];
      execute(new DeleteObjectCommand({ Bucket, Key: decodeURIComponent(path.join('/')) }));
    }
    return execute(command, reading);
  };
}

/** Stages other bytes than those that the test of the oracle offers, and as many. */
function copyOthers({ execute }: Ends['objects']): Ends['objects']['execute'] {
  return (command, reading) => {
    if (!(command instanceof CopyObjectCommand)) return execute(command, reading);
    const { Bucket, Key } = command.input;
    const answer = execute(new PutObjectCommand({ Bucket, Key, Body: Buffer.from('A FILE OF SOME BYTES') }));
    return { CopyObjectResult: answer };
  };
}

/** Linked files only seem to be removed. */
function keepLinked({ execute }: Ends['objects']): Ends['objects']['execute'] {
  return (command, reading) => {
    const isLinked = command instanceof DeleteObjectCommand && isLinkedKey(command.input.Key);
    return isLinked ? {} : execute(command, reading);
  };
}

/** Keeps other bytes for a link, and as many. */
function linkOthers({ execute }: Ends['objects']): Ends['objects']['execute'] {
  return (command, reading) => {
    const answer = execute(command, reading);
    if (!(command instanceof CopyObjectCommand) || !isLinkedKey(command.input.Key)) return answer;
    const { Bucket, Key } = command.input;
    const Body = Buffer.alloc(300, 'others');
    return { CopyObjectResult: execute(new PutObjectCommand({ Bucket, Key, Body })) };
  };
}

const isLinkedKey = (key = ''): boolean => key.startsWith('linked/');

/** A bucket that goes by another name: what asks for that is carried out in the one of this name. */
export function inBucket(name: string, objects: Ends['objects'], called: string): Ends['objects'] {
  return {
    ...objects,
    execute: (command, reading) => {
      const input: unknown = 'input' in command ? command.input : undefined;
      const renamed = JSON.parse(JSON.stringify(input).replaceAll(`"${called}`, `"${name}`));
      return objects.execute(
        Object.assign(Object.create(Object.getPrototypeOf(command)), command, { input: renamed }),
        reading,
      );
    },
  };
}
