import { beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createHandler } from '../../../functions/uploads.ts';
import type { In, Upload } from '../../../lib/domain/upload.ts';
import { MINUTE_MS } from '../../../lib/domain/units.ts';
import { putFile } from '../../support/answer.ts';
import { callHttp } from '../../support/http-event.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const hello = Buffer.from('hello');

const world = await useWorld({ ends: 'sockets' });
/** By the test's clock. */
const services = world.build();
const handler = createHandler(() => services);

let key: string;
let id: string;
let items = 0n;
let file: object;

const create = (by = handler) =>
  callHttp(by, { route: 'POST /v1/uploads', body: file, headers: { 'idempotency-key': key } });

const attachmentId = async () => (await delivered()).attachmentId ?? '';

async function delivered(): Promise<In<'delivered'>> {
  const upload = await world.find(id);
  if (upload.status !== 'delivered') throw new Error(`it is ${upload.status}`);
  return upload;
}

async function change(part: Partial<In<'delivered'>>): Promise<void> {
  await world.ledger.change(id, (before): Upload | undefined =>
    before.status === 'delivered' ? { ...before, ...part } : undefined,
  );
}

/** IPD's commit window, and the difference that two clocks may have. */
const passCommitWindow = () => world.clock.advance(world.config.policy.commitWindowMs + MINUTE_MS);

beforeEach(async () => {
  key = randomUUID();
  items += 1n;
  file = {
    projectId,
    issueId: String(BigInt(issueId) + items),
    filename: 'report.pdf',
    contentType: 'application/pdf',
    size: hello.length,
  };
  const first = await create();
  ({ id } = first);
  await putFile(first.signed(), hello);
  await callHttp(handler, { route: 'POST /v1/uploads/{id}/complete', parameters: { id } });
  await world.next(id);
});

describe('POST /v1/uploads, when the key finds an upload that is delivered', () => {
  it('says so, and that IPD has the attachment no more once a person has deleted it', async () => {
    passCommitWindow();
    const kept = await create();
    await world.removeInIpd(await attachmentId());
    const gone = await create();

    const resource = (await callHttp(handler, { route: 'GET /v1/uploads/{id}', parameters: { id } })).body;
    expect(kept.status).toBe(200);
    expect(kept.body).toEqual({ ...resource, replayed: true });
    expect(gone.status).toBe(200);
    expect(gone.body).toEqual({ ...resource, replayed: true, attachmentGone: true });
    expect(resource).toMatchObject({ id, status: 'delivered', attachment: { id: await attachmentId() } });
  });

  it('sends nothing again, and changes nothing', async () => {
    passCommitWindow();
    await world.removeInIpd(await attachmentId());
    const before = await world.find(id);

    await create();

    expect(await world.find(id)).toEqual(before);
    expect(world.uploadRequests()).toHaveLength(1);
    expect(await world.requestsFor(id)).toHaveLength(1);
  });

  it('asks IPD nothing as long as the attachment may still appear', async () => {
    await world.removeInIpd(await attachmentId());
    const asked = world.listRequests().length;
    world.clock.advance(world.config.policy.commitWindowMs + MINUTE_MS - 1);

    const soon = await create();

    expect(soon.body).not.toHaveProperty('attachmentGone');
    expect(world.listRequests()).toHaveLength(asked);
    world.clock.advance(1);
    expect((await create()).body).toMatchObject({ replayed: true, attachmentGone: true });
    expect(world.listRequests()).toHaveLength(asked + 1);
  });

  it.each<[string, Partial<In<'delivered'>>]>([
    ['has no id of it', { attachmentId: null, reason: 'why' }],
    ['is still to check for a second copy', { recheckAt: '2099-01-01T00:00:00.000Z' }],
  ])('asks IPD nothing while the bridge %s', async (_case, part) => {
    passCommitWindow();
    await world.removeInIpd(await attachmentId());
    await change(part);
    const asked = world.listRequests().length;

    const { body } = await create();

    expect(body['replayed']).toBe(true);
    expect(body).not.toHaveProperty('attachmentGone');
    expect(world.listRequests()).toHaveLength(asked);
  });

  it('says nothing of an attachment whose other copy is there', async () => {
    passCommitWindow();
    const other = await world.attach(await world.find(id), hello);
    await world.removeInIpd(await attachmentId());
    await change({ duplicates: [other] });
    const kept = await create();
    await world.removeInIpd(other);
    const gone = await create();

    expect(kept.body).not.toHaveProperty('attachmentGone');
    expect(gone.body['attachmentGone']).toBe(true);
  });

  it.each<[string, object]>([
    ['is at its limit', { kind: 'listOf', count: 100 }],
    ['is not given', { kind: 'answer', status: 200, body: '{"status":"success","result":null}' }],
    [
      'has a row without an id',
      { kind: 'answer', status: 200, body: '{"status":"success","result":[{"id":5}]}' },
    ],
    ['fails', { kind: 'internalError' }],
    ['is of a work item that is gone', { kind: 'projectMissing' }],
    ['is forbidden', { kind: 'noPermission' }],
    ['is throttled', { kind: 'throttled' }],
  ])('says nothing of the attachment where the list %s', async (_case, fault) => {
    passCommitWindow();
    await world.removeInIpd(await attachmentId());
    const asked = world.listRequests().length;
    await world.faults([{ match: { operation: 'list' }, fault }]);

    const { status, body } = await create();

    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'delivered', replayed: true });
    expect(body).not.toHaveProperty('attachmentGone');
    expect(world.listRequests()).toHaveLength(asked + 1);
  });

  it('has the reason in the log where the list said nothing', async () => {
    const { lines, telemetry } = collectTelemetry();
    passCommitWindow();
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);

    await create(createHandler(() => world.build({ telemetry })));

    expect(lines.map(({ message }) => message)).toContain('pre-flight passed without an answer');
  });

  it('says it of a list of 99 others', async () => {
    passCommitWindow();
    await world.removeInIpd(await attachmentId());
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count: 99 } }]);

    expect((await create()).body).toMatchObject({ replayed: true, attachmentGone: true });
  });

  it('asks IPD nothing where the pre-flight is off', async () => {
    passCommitWindow();
    await world.removeInIpd(await attachmentId());
    const others = world.build({ config: { preflight: false } });
    const asked = world.listRequests().length;

    const { body } = await create(createHandler(() => others));

    expect(body['replayed']).toBe(true);
    expect(body).not.toHaveProperty('attachmentGone');
    expect(world.listRequests()).toHaveLength(asked);
  });

  it('asks IPD no more often than the pre-flight may', async () => {
    passCommitWindow();
    await world.removeInIpd(await attachmentId());
    const others = world.build({ config: { preflightsPerMinute: 1 } });
    const asked = world.listRequests().length;

    const first = await create(createHandler(() => others));
    const second = await create(createHandler(() => others));

    expect(first.body).toMatchObject({ replayed: true, attachmentGone: true });
    expect(second.body['replayed']).toBe(true);
    expect(second.body).not.toHaveProperty('attachmentGone');
    expect(world.listRequests()).toHaveLength(asked + 1);
  });
});

describe('POST /v1/uploads, when the key finds an upload that is not delivered', () => {
  it('says nothing of the kind', async () => {
    key = randomUUID();
    const first = await create();

    const second = await create();

    expect([first.status, second.status]).toEqual([201, 200]);
    for (const { body } of [first, second]) {
      expect(body).not.toHaveProperty('replayed');
      expect(body).not.toHaveProperty('attachmentGone');
    }
  });
});
