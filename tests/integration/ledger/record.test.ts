import { beforeEach, describe, expect, it } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { handler } from '../../../functions/uploads.ts';
import { RECORD_SCHEMA } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { callHttp } from '../../support/http-event.ts';
import { sha256 } from '../../support/sha256.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller } from '../../support/world.ts';
import { MINUTE_MS } from '../../../lib/domain/units.ts';

/** Ten minutes after the records were written. */
const later = Date.parse('2026-01-05T08:10:00Z');
const soon = () => AbortSignal.timeout(300_000);

type Item = z.infer<typeof itemSchema>;
const itemSchema = z.looseObject({
  pk: z.string(),
  id: z.string(),
  version: z.int(),
  size: z.int(),
  sha256: z.string(),
});
const items = (name: string): Record<string, Item> => {
  const path = join(import.meta.dirname, `../../fixtures/records/${name}.json`);
  return z.record(z.string(), itemSchema).parse(JSON.parse(readFileSync(path, 'utf8')));
};
/** Records of the first version and of this one: each state, and a delivery behind the fence. */
const forms = { 'schema-0': items('schema-0'), 'schema-1': items('schema-1') };

const world = await useWorld({ ends: 'sockets' });
const documents = DynamoDBDocumentClient.from(world.clients.dynamodb);
beforeEach(() => world.clock.set(later));

/** Puts a record there as it is. */
async function keep(item: Item): Promise<string> {
  await documents.send(new PutCommand({ TableName: world.config.table, Item: item }));
  return item.id;
}

async function raw({ pk }: Item): Promise<Item> {
  const { Item } = await documents.send(
    new GetCommand({ TableName: world.config.table, Key: { pk }, ConsistentRead: true }),
  );
  return itemSchema.parse(Item);
}

/** The file that the record is about. */
function fileOf(name: string, { size, sha256: expected }: Item): Buffer {
  const bytes = Buffer.from(`a fixture: ${name}`.padEnd(size));
  expect(sha256(bytes)).toBe(expected);
  return bytes;
}

/** The record and its file are there, as an earlier version has left them. */
async function leave(name: string, item: Item): Promise<{ upload: Upload; bytes: Buffer }> {
  const id = await keep(item);
  const bytes = fileOf(name, item);
  const object = { Bucket: world.config.bucket, Key: `staging/${id}`, Body: bytes };
  await world.clients.s3.send(new PutObjectCommand(object));
  return { upload: await world.find(id), bytes };
}

/** Everything that is due, until it has ended. */
async function follow(id: string): Promise<Upload> {
  for (;;) {
    const { status, dueAt, attempts } = await world.find(id);
    if (['delivered', 'failed', 'expired', 'cancelled'].includes(status)) return world.find(id);
    world.clock.set(Math.max(world.clock.now() + MINUTE_MS, Date.parse(dueAt ?? '') || 0));
    await world.sweep.run(soon());
    await world.delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run());
  }
}

describe.each(Object.entries(forms))('a record of the form %s', (_form, records) => {
  it.each(Object.entries(records))('is read: %s', async (name, item) => {
    const id = await keep(item);

    expect(await world.find(id)).toMatchObject({
      status: name === 'sending' ? 'delivering' : name,
      filename: 'Übersicht.pdf',
    });
    const parameters = { id };
    expect(await callHttp(handler, { route: 'GET /v1/uploads/{id}', parameters })).toMatchObject({
      status: 200,
    });
  });

  it.each(['staged', 'delivering', 'sending', 'waiting', 'unconfirmed'])(
    'is delivered once: %s',
    async (name) => {
      const item = itemSchema.parse(records[name]);
      const { upload, bytes } = await leave(name, item);

      const after = await follow(upload.id);

      expect(after).toMatchObject({ status: 'delivered' });
      expect(await world.received()).toMatchObject([{ sha256: sha256(bytes) }]);
      expect(await raw(item)).toMatchObject({ schema: 1 });
      expect(await raw(item)).not.toHaveProperty('lease');
    },
  );

  it.each(['sending', 'unconfirmed'])('is not sent again where IPD has it: %s', async (name) => {
    const item = itemSchema.parse(records[name]);
    const { upload, bytes } = await leave(name, item);
    const attachmentId = await world.attach(upload, bytes);

    const after = await follow(upload.id);

    expect(after).toMatchObject({ status: 'delivered', attachmentId });
    expect(await world.received()).toHaveLength(1);
  });

  it.each(['awaiting_upload', 'expired'])('is delivered when its file arrives: %s', async (name) => {
    const item = itemSchema.parse(records[name]);
    const { upload, bytes } = await leave(name, item);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('is tried again when it has failed, and closed when it was delivered or cancelled', async () => {
    const { failed, delivered, cancelled } = z
      .object({ failed: itemSchema, delivered: itemSchema, cancelled: itemSchema })
      .parse(records);
    const { upload } = await leave('failed', failed);
    await leave('delivered', delivered);
    await leave('cancelled', cancelled);

    await world.uploads.retry(caller, upload.id);
    const after = await follow(upload.id);
    world.clock.advance(180 * MINUTE_MS);
    await world.sweep.run(soon());

    expect(after).toMatchObject({ status: 'delivered' });
    for (const { id } of [delivered, cancelled]) {
      expect(await world.find(id)).not.toHaveProperty('dueAt');
      expect(await world.isStaged(id)).toBe(false);
    }
  });
});

describe('a record that a newer version wrote', () => {
  const { waiting } = z.object({ waiting: itemSchema }).parse(forms['schema-1']);

  it('keeps what we do not know of it, through a whole delivery', async () => {
    const novelty = { of: ['a', 1, { newer: true }] };
    const { lastError, history } = z
      .object({ lastError: z.looseObject({}), history: z.array(z.looseObject({})) })
      .parse(waiting);
    const [first, ...more] = history;
    const newer = {
      ...waiting,
      novelty,
      others: 'of another version',
      history: [{ ...first, novelty }, ...more],
      lastError: { ...lastError, novelty },
    };
    const { upload } = await leave('waiting', newer);
    expect(upload).toMatchObject({ lastError: { novelty }, others: { novelty } });

    await follow(upload.id);

    const after = await raw(waiting);
    expect(after).toMatchObject({ status: 'delivered', novelty, history: [{ novelty }, {}, {}, {}, {}] });
    expect(after).not.toHaveProperty('others');
    expect(after).not.toHaveProperty('lease');
    expect(after).not.toHaveProperty('dueShard');
    expect(after).not.toHaveProperty('openOwner');
  });

  it('is left alone when its form is newer than this version reads, and does not stop the others', async () => {
    const newer = { ...waiting, schema: RECORD_SCHEMA + 1 };
    const { delivered } = z.object({ delivered: itemSchema }).parse(forms['schema-1']);
    const refusal = { code: 'unavailable', message: expect.stringContaining('newer version') };
    const id = await keep(newer);
    await keep(delivered);

    await expect(world.ledger.find(id)).rejects.toMatchObject(refusal);
    await expect(world.delivery.onRequest({ uploadId: id, attempt: 2 }, world.run())).rejects.toMatchObject(
      refusal,
    );
    await world.sweep.run(soon());
    const answer = await callHttp(handler, { route: 'GET /v1/uploads/{id}', parameters: { id } });

    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable', retryable: true } });
    expect(await raw(newer)).toEqual(newer);
    expect(await world.find(delivered.id)).not.toHaveProperty('dueAt');
    await keep(waiting);
  });

  it('does not hide the others in the list of its owner, and the ledger names it to its caller', async () => {
    const { delivered } = z.object({ delivered: itemSchema }).parse(forms['schema-1']);
    const newer = await keep({ ...waiting, schema: RECORD_SCHEMA + 1 });
    await keep(delivered);

    const answer = await callHttp(handler, { route: 'GET /v1/uploads' });
    const { tooNew } = await world.ledger.list({ owner: caller.owner, isOpen: false, limit: 100 });

    const ids = z.object({ uploads: z.array(z.object({ id: z.string() })) }).parse(answer.body);
    expect(answer).toMatchObject({ status: 200 });
    expect(ids.uploads.map(({ id }) => id)).toContain(delivered.id);
    expect(ids.uploads.map(({ id }) => id)).not.toContain(newer);
    expect(tooNew).toEqual([newer]);
    await keep(waiting);
  });
});
