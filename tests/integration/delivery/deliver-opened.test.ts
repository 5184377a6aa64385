import { afterEach, describe, expect, it } from '@jest/globals';
import { S3Client } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { Agent } from 'node:http';
import { send } from '../../../lib/ipd/wire.ts';
import type { Send } from '../../../lib/ipd/wire.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { inDoubt, onUpload } from '../../support/doubts.ts';
import { sha256 } from '../../support/sha256.ts';
import { untilUnused } from '../../support/sockets.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ ends: 'sockets', environment: { PREFLIGHT: 'off' } });
/** More than all buffers of a connection take: who does not read it, occupies a socket. */
const bytes = randomBytes(8_000_000);
const open: S3Client[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.destroy();
});

/** Services whose calls to storage and to IPD are written down, and whose list waits for a step of storage. */
function onLine({ listAfter, onSend = send }: { listAfter?: 'asked' | 'answered'; onSend?: Send } = {}) {
  const calls: string[] = [];
  const httpAgent = new Agent({ keepAlive: true });
  const s3 = new S3Client({ forcePathStyle: true, requestHandler: { httpAgent } });
  const steps = { asked: Promise.withResolvers<void>(), answered: Promise.withResolvers<void>() };
  s3.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        if (commandName === 'GetObjectCommand') {
          calls.push('open');
          steps.asked.resolve();
        }
        try {
          return await next(args);
        } finally {
          steps.answered.resolve();
        }
      },
    { step: 'initialize', name: 'noteCommands' },
  );
  const noting: Send = async (request) => {
    if (request.url.pathname.endsWith('/upload')) {
      calls.push('send');
      return onSend(request);
    }
    if (!request.url.pathname.endsWith('/attachments')) return send(request);
    calls.push('list');
    if (listAfter !== undefined) await steps[listAfter].promise;
    const answer = await send(request);
    calls.push('listed');
    return answer;
  };
  open.push(s3);
  return { delivery: world.build({ s3, send: noting }).delivery, calls, httpAgent };
}

async function onList(fault: unknown): Promise<void> {
  await world.faults([{ match: { operation: 'list' }, count: 1, fault }]);
}

async function deliver(line: ReturnType<typeof onLine>): Promise<Upload> {
  const upload = await world.stage(bytes);
  await line.delivery.onArrival(world.arrival(upload, bytes), world.run());
  await untilUnused(line.httpAgent);
  return world.find(upload.id);
}

describe('a delivery', () => {
  it('opens the file while the work item is read, and sends nothing before that has ended', async () => {
    const line = onLine({ listAfter: 'asked' });

    expect(await deliver(line)).toMatchObject({ status: 'delivered' });

    expect(line.calls.toSorted()).toEqual(['list', 'listed', 'open', 'send']);
    expect(line.calls.slice(2)).toEqual(['listed', 'send']);
    expect(await world.received()).toMatchObject([{ sha256: sha256(bytes) }]);
  });

  it.each([
    ['is full', { kind: 'listOf', count: 100 }, { status: 'failed', lastError: { code: 'work_item_full' } }],
    [
      'is missing',
      { kind: 'projectMissing' },
      { status: 'failed', lastError: { code: 'work_item_missing' } },
    ],
    [
      'cannot be read',
      { kind: 'gatewayTimeout' },
      { status: 'waiting', lastError: { code: 'ipd_unavailable' } },
    ],
    [
      'is throttled for long',
      { kind: 'throttled', retryAfterSeconds: 11 },
      { status: 'waiting', lastError: { code: 'ipd_throttled' } },
    ],
  ])('closes the file at once when the work item %s', async (_name, fault, after) => {
    const line = onLine({ listAfter: 'answered' });
    await onList(fault);

    expect(await deliver(line)).toMatchObject(after);

    expect(line.calls.toSorted()).toEqual(['list', 'listed', 'open']);
    expect(line.httpAgent.freeSockets).toEqual({});
  });

  it('ends as the work item decides, where the file cannot be opened either', async () => {
    const line = onLine({ listAfter: 'answered' });
    const upload = await world.stage(bytes);
    await world.staging.remove(`staging/${upload.id}`);
    await onList({ kind: 'listOf', count: 100 });

    await line.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'work_item_full' },
    });
  });

  it('opens the file anew for each try that IPD throttles', async () => {
    const line = onLine({ listAfter: 'answered' });
    const fault = { kind: 'throttled', retryAfterSeconds: 7 };
    await world.faults(['list', 'upload'].map((operation) => ({ match: { operation }, count: 1, fault })));

    expect(await deliver(line)).toMatchObject({ status: 'delivered', attempts: 1 });

    expect(line.calls.filter((call) => call === 'open')).toHaveLength(3);
    expect(await world.received()).toMatchObject([{ sha256: sha256(bytes) }]);
  });

  it('sends the whole file again when the first request was refused', async () => {
    const line = onLine();
    await onUpload(world, { kind: 'invalidToken' });

    expect(await deliver(line)).toMatchObject({ status: 'delivered', attempts: 1 });

    expect(line.calls.filter((call) => call === 'send')).toHaveLength(2);
    expect(await world.received()).toMatchObject([{ sha256: sha256(bytes) }]);
  });

  it('closes the file that it does not come to send', async () => {
    const onSend: Send = async () => {
      throw Object.assign(new Error('no connection'), { code: 'ECONNREFUSED' });
    };
    const line = onLine({ listAfter: 'answered', onSend });

    expect(await deliver(line)).toMatchObject({ status: 'waiting', lastError: { code: 'ipd_unavailable' } });

    expect(line.calls.filter((call) => call === 'open')).toHaveLength(1);
  });

  it('opens no file while a doubt forbids sending it', async () => {
    const line = onLine();
    const small = randomBytes(1000);
    const { id, attempts, dueAt } = await inDoubt(world, small, { sha256: sha256(small) });
    world.clock.set(Date.parse(dueAt ?? ''));

    await line.delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run());

    expect(line.calls).toEqual(['list', 'listed']);
  });
});
