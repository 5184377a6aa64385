import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { createHandler as createDeliver } from '../../../functions/deliver.ts';
import { createHandler } from '../../../functions/uploads.ts';
import { callHttp } from '../../support/http-event.ts';
import { lambdaContext } from '../../support/lambda-event.ts';
import { queueEvent } from '../../support/queue-event.ts';
import { sha256 } from '../../support/sha256.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const world = await useWorld();
const deliver = createDeliver(() => world.services);
const handler = createHandler(() => world.services);

describe('an upload with other bytes in storage than declared', () => {
  const declared = randomBytes(1000);
  const headers = { 'idempotency-key': randomUUID() };
  const body = {
    projectId,
    issueId,
    filename: 'a.bin',
    contentType: 'a/b',
    size: declared.length,
    sha256: sha256(declared),
    // Storage compares the hash of a whole file, but not that of a part.
    mode: 'multipart',
  };

  /** Creates the upload, stores these bytes and lets the delivery come. */
  async function bring(bytes: Buffer) {
    const { id, status, parts } = await callHttp(handler, { route: 'POST /v1/uploads', headers, body });
    for (const part of parts()) await world.putFile(part, bytes);
    await on('POST /v1/uploads/{id}/complete', id);
    await world.delivery.onRequest({ uploadId: id, attempt: 1 }, world.run());
    return { id, created: status };
  }

  const on = (route: string, id: string) => callHttp(handler, { route, parameters: { id } });

  it('is not sent again by a retry, and its key begins a new one', async () => {
    const { id: wrong } = await bring(randomBytes(declared.length));

    expect((await on('GET /v1/uploads/{id}', wrong)).body).toMatchObject({
      status: 'failed',
      error: { code: 'checksum_mismatch', retryable: false },
    });
    expect(await on('POST /v1/uploads/{id}/retry', wrong)).toMatchObject({
      status: 409,
      body: {
        code: 'upload_state_conflict',
        detail:
          'only a failed upload can be tried again; its file is not the one that was declared: upload it again',
      },
    });

    const { id, created } = await bring(declared);

    expect(created).toBe(201);
    expect(id).not.toBe(wrong);
    expect((await on('GET /v1/uploads/{id}', id)).body).toMatchObject({ status: 'delivered' });
    expect((await on('GET /v1/uploads/{id}', wrong)).body).toMatchObject({ status: 'cancelled' });
    expect(await world.received()).toMatchObject([{ sha256: sha256(declared) }]);
  });
});

describe('an id in capitals', () => {
  it('is the same upload, on every route and in the queue', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    const id = upload.id.toUpperCase();

    expect((await on('GET /v1/uploads/{id}', id)).id).toBe(upload.id);
    expect((await on('POST /v1/uploads/{id}/complete', id)).id).toBe(upload.id);
    expect(await world.requestsFor(upload.id)).toHaveLength(1);
    await deliver(queueEvent({ uploadId: id, attempt: 1 }), lambdaContext(300_000));
    expect((await on('GET /v1/uploads/{id}', id)).body).toMatchObject({
      id: upload.id,
      status: 'delivered',
    });
    expect((await on('POST /v1/uploads/{id}/retry', id)).id).toBe(upload.id);
  });

  const on = (route: string, id: string) => callHttp(handler, { route, parameters: { id } });
});
