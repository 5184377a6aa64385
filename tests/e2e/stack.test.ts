import { describe, expect, it } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { putFile } from '../support/answer.ts';
import type { Signed } from '../support/answer.ts';
import { FORM_TYPE, filePart, form } from '../support/form.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

/** An access key may not send this much, so the delivery takes a token. */
const OVER_KEY_LIMIT = 12_500_000;

const file = { projectId, issueId, filename: 'a.bin', contentType: 'application/octet-stream' };
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const isOpen = z.object({ state: z.literal('open') });
const versioned = z.looseObject({ version: z.int() });

const product = await useProduct();
/** What must never be seen in a log, noted as it is used. */
const secrets = new Set([
  product.ipdCredentials.secretKey,
  product.ipdCredentials.password,
  product.credentials.secretAccessKey,
  product.token,
]);
const uploadIds = new Set<string>();

async function create(bytes: Buffer, more: object = {}) {
  const answer = await product.call('POST /v1/uploads', { body: { ...file, size: bytes.length, ...more } });
  uploadIds.add(answer.id);
  return { ...answer, request: noted(answer.signed()) };
}

function noted(signed: Signed): Signed {
  secrets.add(new URL(signed.url).searchParams.get('X-Amz-Signature') ?? '');
  return signed;
}

describe('the whole way', () => {
  it('brings a file to IPD byte for byte, under its name, with its states to be seen', async () => {
    const bytes = randomBytes(OVER_KEY_LIMIT);
    const filename = '录屏 "终稿".mp4';
    await product.faults([
      { match: { operation: 'upload' }, fault: { kind: 'stall', afterBytes: 1_000_000, seconds: 3600 } },
    ]);

    const more = { filename, contentType: 'video/mp4', sha256: sha256(bytes), mode: 'single' };
    const created = await create(bytes, more);
    const early = await product.call(`GET /v1/uploads/${created.id}`);
    const stored = await putFile(created.request, bytes);
    const { seen } = await product.follow(created.id, (status) => status === 'delivering');
    // Ends the stall.
    await product.faults([]);
    const { body, seen: later } = await product.follow(created.id);

    const [attachment, ...others] = await product.received();
    expect([created.status, stored.status]).toEqual([201, 200]);
    // `staged` lasts too short to be seen for sure.
    const states = new Set([early.body['status'], ...seen, ...later].filter((status) => status !== 'staged'));
    expect([...states]).toEqual(['awaiting_upload', 'delivering', 'delivered']);
    expect(others).toEqual([]);
    expect(attachment).toMatchObject({ size: bytes.length, sha256: sha256(bytes), filename });
    expect(body).toMatchObject({
      status: 'delivered',
      filename,
      attachment: { id: attachment?.id },
      staging: { bytesStored: bytes.length },
      delivery: { attempts: 1, bytesSent: bytes.length },
      error: null,
    });
  });

  it('brings a file to IPD in the parts that it is cut into', async () => {
    const bytes = randomBytes(OVER_KEY_LIMIT);
    const body = { ...file, size: bytes.length, sha256: sha256(bytes) };

    const { id, parts } = await product.call('POST /v1/uploads', { body });
    for (const { offset, length, ...signed } of parts()) {
      await putFile(noted(signed), bytes.subarray(offset, offset + length));
    }
    const completed = await product.call(`POST /v1/uploads/${id}/complete`);

    expect(parts()).toHaveLength(3);
    expect(completed).toMatchObject({ status: 200, id, body: { staging: { bytesStored: bytes.length } } });
    expect((await product.follow(id)).body).toMatchObject({ status: 'delivered', error: null });
    expect(await product.received()).toMatchObject([{ size: bytes.length, sha256: sha256(bytes) }]);
  });

  it('brings a file of one byte', async () => {
    const bytes = Buffer.from('x');

    const { id, request } = await create(bytes);
    await putFile(request, bytes);

    expect((await product.follow(id)).body).toMatchObject({ status: 'delivered' });
    expect(await product.received()).toMatchObject([{ size: 1, sha256: sha256(bytes) }]);
  });

  it('makes one attachment for one key, however often the app starts over', async () => {
    const bytes = randomBytes(1000);
    const headers = { 'idempotency-key': randomUUID() };
    const again = () => product.call('POST /v1/uploads', { headers, body: { ...file, size: bytes.length } });

    const first = await again();
    const second = await again();
    await putFile(noted(first.signed()), bytes);
    const repeated = await putFile(noted(second.signed()), bytes);
    await product.follow(first.id);

    expect(second).toMatchObject({ status: 200, id: first.id });
    expect(repeated.status).toBe(412);
    expect(await product.received()).toHaveLength(1);
  });

  it('tries again on the schedule after IPD was out of reach', async () => {
    const bytes = randomBytes(1000);
    const { id, request } = await create(bytes);
    await product.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'iamUnavailable' } }]);

    await putFile(request, bytes);
    const postpone = await product.follow(id, (status) => status === 'waiting');
    await comeDue(id);
    await product.fireSchedules();

    expect(postpone.body).toMatchObject({
      error: { code: 'ipd_unavailable' },
      delivery: { attempts: 1, nextAttemptAt: expect.any(String) },
    });
    expect((await product.follow(id)).body).toMatchObject({ status: 'delivered', delivery: { attempts: 2 } });
    expect(await product.received()).toMatchObject([{ sha256: sha256(bytes) }]);
  });

  it('never delivers what was cancelled', async () => {
    const bytes = randomBytes(1000);
    const { id, request } = await create(bytes);

    const cancelled = await product.call(`DELETE /v1/uploads/${id}`);
    await putFile(request, bytes);
    await comeDue(id);
    await product.fireSchedules();

    expect((await product.ledger.find(id))?.dueAt).toBeUndefined();
    expect(cancelled).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect(await product.received()).toEqual([]);
  });

  it('waits with all other uploads, and says so, when IPD does not accept our signature', async () => {
    const bytes = randomBytes(1000);
    const { id, request } = await create(bytes);
    await product.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'signatureFailed' } }]);

    await putFile(request, bytes);
    const waiting = await product.follow(id, (status) => status === 'waiting');
    const limits = await openLimits();
    await closeBreaker();
    await comeDue(id);
    await product.fireSchedules();

    expect(waiting.body).toMatchObject({ error: { code: 'ipd_paused' }, attachment: null });
    expect(limits.body).toMatchObject({ breaker: { state: 'open', retryAfterSeconds: expect.any(Number) } });
    expect((await product.follow(id)).body).toMatchObject({ status: 'delivered' });
  });

  it('finds what IPD has kept although its answer was lost, and sends it once', async () => {
    const bytes = randomBytes(1000);
    const { id, request } = await create(bytes);
    await product.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'lostAnswer' } }]);

    await putFile(request, bytes);
    const doubtful = await product.follow(id, (status) => status === 'unconfirmed');
    await comeDue(id);
    await product.fireSchedules();

    const after = await product.follow(id);
    const [attachment, ...others] = await product.received();
    expect(doubtful.body).toMatchObject({ error: { code: 'answer_lost' }, attachment: null });
    expect(after.body).toMatchObject({
      status: 'delivered',
      attachment: { id: attachment?.id },
      error: null,
    });
    expect(others).toEqual([]);
  });

  it('tries a failed upload again when its user asks for it', async () => {
    const bytes = randomBytes(1000);
    const { id, request } = await create(bytes);
    await product.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    await putFile(request, bytes);
    const failed = await product.follow(id);

    const retried = await product.call(`POST /v1/uploads/${id}/retry`);

    expect(failed.body).toMatchObject({ status: 'failed', error: { retryable: true } });
    expect(retried.status).toBe(202);
    expect((await product.follow(id)).body).toMatchObject({ status: 'delivered' });
  });

  it('takes a small file in one call', async () => {
    const bytes = randomBytes(1000);

    const { status } = await product.attach(form(filePart('a.bin', bytes)), { 'content-type': FORM_TYPE });

    expect(status).toBe(200);
    expect(await product.received()).toMatchObject([{ sha256: sha256(bytes) }]);
  });
});

// The last of the file: it reads what all tests before have left.
describe('the logs of all functions', () => {
  it('name the uploads', () => {
    const text = product.logs.lines.map(({ line }) => line).join('\n');

    expect(uploadIds.size).toBeGreaterThan(5);
    for (const id of uploadIds) expect(text).toContain(id);
    expect(new Set(product.logs.lines.map(({ functionKey }) => functionKey))).toEqual(
      new Set(['uploads', 'attach', 'deliver', 'sweep']),
    );
  });

  it('contain no token, signature, password or key', () => {
    expect(secrets.size).toBeGreaterThan(10);
    expect(secrets).not.toContain('');
    const secretForms =
      /X-Amz-Signature|X-Amz-Credential|Bearer |SDK-HMAC-SHA256 |Signature=[0-9a-f]|eyJ[\w-]{20}/i;

    for (const { line } of product.logs.lines) {
      expect(line).not.toMatch(secretForms);
      for (const secret of secrets) expect(line).not.toContain(secret);
    }
  });
});

/** Makes an upload due now, as if the time until then had gone by, and with it the minute of the last sweep. */
async function comeDue(id: string): Promise<void> {
  await product.ledger.change(id, (upload) => ({ ...upload, dueAt: new Date().toISOString() }));
  await setState('slots', { until: 0 });
}

/** The breaker is updated after the record is written, so a caller may see the record first. */
async function openLimits() {
  for (;;) {
    const limits = await product.call('GET /v1/limits');
    if (isOpen.safeParse(limits.body['breaker']).success) return limits;
  }
}

/** As if IPD had answered again. */
async function closeBreaker(): Promise<void> {
  await setState('breaker', { outages: 0, openings: 0 });
}

async function setState(name: 'breaker' | 'slots', value: object): Promise<void> {
  const { version } = versioned.parse((await product.ledger.readState(name)) ?? { version: 0 });
  await product.ledger.writeState(name, version, { ...value });
}
