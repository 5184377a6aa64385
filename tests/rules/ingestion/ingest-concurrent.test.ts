import { describe, expect, it } from '@jest/globals';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { HOUR_MS } from '../../../lib/domain/units.ts';
import { nameBasedId } from '../../../lib/ingestion/offers.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { SOURCE_BUCKET, useIngest } from '../../support/use-ingest.ts';
import { issueId, projectId } from '../../support/world.ts';

const world = await useIngest();
const { telemetry, measured } = collectTelemetry();
/** Two files of one second may be delivered at once. */
const services = world.build({ telemetry, ingest: { promptPerMinute: 120 } });
const newRecord = z.object({ Item: z.object({ status: z.string() }), ConditionExpression: z.string() });

const sum = (name: 'Ingested' | 'IngestRefused') =>
  measured.splice(0).reduce((all, metrics) => all + (metrics[name] ?? 0), 0);
const bring = (message: string, { ingestion } = services) => ingestion.onMessage(message, randomUUID());

/** Services whose next copy into staging waits until this is done. */
function withCopyAfter(deed: () => Promise<unknown>) {
  let isDone = false;
  return world.buildWatched(
    async ({ name }) => {
      if (name !== 'CopyObject' || isDone) return;
      isDone = true;
      await deed();
    },
    { telemetry, ingest: { promptPerMinute: 120 } },
  );
}

/** A request for an object of a bucket that keeps its objects. */
async function requested(bytes: Buffer) {
  const [key, requestId] = [randomUUID(), randomUUID()];
  const replace = (other: Buffer) =>
    world.clients.s3.send(new PutObjectCommand({ Bucket: SOURCE_BUCKET, Key: key, Body: other }));
  await replace(bytes);
  const source = { bucket: SOURCE_BUCKET, key };
  const message = JSON.stringify({ requestId, projectId, issueId, source });
  return { id: nameBasedId('request', requestId), message, replace };
}

async function staged(id: string): Promise<Buffer> {
  const target = { Bucket: world.config.bucket, Key: `staging/${id}` };
  const { Body } = await world.clients.s3.send(new GetObjectCommand(target));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

describe('two runs with one offer', () => {
  it('begin one upload, and count one, though both find no record', async () => {
    const drop = await world.put();
    const { documents } = world.connectTable();
    let isFirst = true;
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (isFirst && newRecord.safeParse(args.input).data?.Item.status === 'awaiting_upload') {
          isFirst = false;
          await bring(drop.event);
        }
        return next(args);
      },
      { step: 'initialize', name: 'overtake' },
    );
    sum('Ingested');

    await bring(drop.event, world.build({ telemetry, documents }));

    expect(isFirst).toBe(false);
    expect(sum('Ingested')).toBe(1);
    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
  });

  it('refuse the later one of two requests with one id, though both find no record', async () => {
    const first = await requested(randomBytes(20));
    const { requestId } = z.object({ requestId: z.string() }).parse(JSON.parse(first.message));
    const source = { bucket: SOURCE_BUCKET, key: 'another.bin' };
    const other = JSON.stringify({ requestId, projectId, issueId, source });
    const { documents } = world.connectTable();
    let isFirst = true;
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (isFirst && newRecord.safeParse(args.input).data?.Item.status === 'failed') {
          isFirst = false;
          await bring(first.message);
        }
        return next(args);
      },
      { step: 'initialize', name: 'overtake' },
    );

    await bring(other, world.build({ telemetry, documents }));

    const asked = [requestId, source.bucket, source.key, undefined, projectId, issueId];
    const refusedId = nameBasedId('reused request', JSON.stringify(asked));
    expect(isFirst).toBe(false);
    expect(await world.find(first.id)).toMatchObject({ status: 'staged' });
    expect(await world.find(refusedId)).toMatchObject({
      status: 'failed',
      lastError: { code: 'ingest_request_reused' },
    });
  });

  it('stage one file and queue one delivery, though both have copied it', async () => {
    // Files before it have used up what may be delivered at once.
    world.clock.advance(HOUR_MS);
    const drop = await world.put();
    let isFirst = true;
    const slow = world.buildWatched(
      async ({ name, proceed }) => {
        if (name !== 'CopyObject' || !isFirst) return;
        isFirst = false;
        await proceed();
        await bring(drop.event);
      },
      { ingest: { promptPerMinute: 120 } },
    );

    await bring(drop.event, slow);

    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
    expect(await world.requestsFor(drop.id)).toHaveLength(1);
  });

  it('count one refusal where its object is gone for both', async () => {
    const drop = await world.put();
    const slow = withCopyAfter(async () => {
      await world.put(randomBytes(11), { key: drop.key });
      await bring(JSON.stringify({ resume: drop.id }));
    });
    sum('IngestRefused');

    await bring(drop.event, slow);

    expect(await world.find(drop.id)).toMatchObject({ lastError: { code: 'ingest_source_replaced' } });
    expect(sum('IngestRefused')).toBe(1);
  });

  it('leave no copy that came after the delivery', async () => {
    const { id, message } = await requested(randomBytes(20));
    const slow = withCopyAfter(async () => {
      await bring(message);
      await services.delivery.onRequest({ uploadId: id, attempt: 1 }, world.run());
    });

    await bring(message, slow);

    expect(await world.find(id)).toMatchObject({ status: 'delivered' });
    expect(
      world.s3.requests.filter(
        ({ operation, key, status }) =>
          operation === 'CopyObject' && key === `staging/${id}` && status === 200,
      ),
    ).toHaveLength(2);
    expect(await world.isStaged(id)).toBe(false);
  });

  it('leave the copy of the object that the request asks for by now', async () => {
    const now = randomBytes(30);
    const { id, message, replace } = await requested(randomBytes(20));
    const slow = withCopyAfter(async () => {
      const { owner } = await world.find(id);
      await services.uploads.cancel({ owner, projects: '*' }, id);
      await replace(now);
      await expect(bring(message, killedAfterCopy())).rejects.toMatchObject({ code: 'unavailable' });
    });

    await bring(message, slow);

    expect(await world.find(id)).toMatchObject({ status: 'awaiting_upload', size: 30 });
    expect(await staged(id)).toEqual(now);
    await bring(message);
    expect(await world.find(id)).toMatchObject({ status: 'staged' });
  });

  /** Services whose function is killed as soon as a copy is made. */
  function killedAfterCopy() {
    let isDead = false;
    return world.buildWatched(async ({ name, proceed }) => {
      if (isDead) throw new Error('the function was killed');
      if (name !== 'CopyObject') return;
      await proceed();
      isDead = true;
      throw new Error('the function was killed');
    });
  }
});
