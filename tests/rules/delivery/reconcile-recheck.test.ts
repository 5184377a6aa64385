import { describe, expect, it } from '@jest/globals';
import type { S3Client } from '@aws-sdk/client-s3';
import { randomBytes, randomUUID } from 'node:crypto';
import * as attempts from '../../../lib/domain/attempts.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { inDoubt, onUpload } from '../../support/doubts.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useUnderWay } from '../../support/under-way.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();
const watched = useUnderWay(world);

/** A delivered upload that was sent twice, at the moment from which it may be checked for a second copy. */
async function dueForCheck(bytes: Buffer, delivery = world.delivery): Promise<Upload> {
  const doubtful = await inDoubt(world, bytes);
  for (let n = 0; n < 3; n += 1) await world.next(doubtful.id);
  const { attempts: last, dueAt } = await world.find(doubtful.id);
  world.clock.set(Date.parse(dueAt ?? ''));
  await delivery.onRequest({ uploadId: doubtful.id, attempt: last + 1 }, world.run());
  const delivered = await world.find(doubtful.id);
  setToCheck(delivered);
  return delivered;
}

function setToCheck(upload: Upload): void {
  world.clock.set(Date.parse(upload.status === 'delivered' ? (upload.recheckAt ?? '') : ''));
}

const check = ({ id }: Upload, delivery = world.delivery): Promise<void> =>
  delivery.onRequest({ uploadId: id, attempt: 99 }, world.run());

/** Storage that fails one kind of request. */
function storageThatFails(command: string): S3Client {
  const s3 = world.connectStorage();
  s3.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName === command) throw new Error('the connection broke');
        return next(args);
      },
    { step: 'initialize', name: 'refuse' },
  );
  return s3;
}

const removals = ({ id }: Upload): number =>
  world.s3.requests.filter(({ operation, key }) => operation === 'DeleteObject' && key === `staging/${id}`)
    .length;

describe('the check for a second copy', () => {
  it('is made once where two functions begin it at the same moment', async () => {
    const bytes = randomBytes(1000);
    const upload = await dueForCheck(bytes);
    const copy = await world.attach(upload, bytes);
    const { errors, telemetry } = collectErrors();
    const faster = world.build({ telemetry }).delivery;
    const { documents } = world.connectTable();
    let hasBegun = false;
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (!hasBegun && JSON.stringify(args.input).includes('"recheckLease"')) {
          hasBegun = true;
          await check(upload, faster);
        }
        return next(args);
      },
      { step: 'initialize', name: 'beFaster' },
    );
    const slower = world.build({ documents, telemetry }).delivery;
    const asked = world.listRequests().length;

    await check(upload, slower);

    // Once more after the copy, which may not be the only one.
    expect(world.listRequests()).toHaveLength(asked + 2);
    expect(await world.find(upload.id)).toMatchObject({ duplicates: [copy] });
    expect(errors).toMatchObject([{ message: 'duplicate attachment', fields: { attachmentId: copy } }]);
  });

  it('asks IPD nothing while another upload occupies the work item', async () => {
    const upload = await dueForCheck(randomBytes(1000));
    const other = await inDoubt(world, randomBytes(1000));
    const asked = world.ipd.requests.length;

    await check(upload);

    expect(other).toMatchObject({ status: 'unconfirmed' });
    expect(world.ipd.requests).toHaveLength(asked);
    expect(await world.find(upload.id)).toMatchObject({ recheckAt: expect.any(String) });
  });

  it('that lasted longer than its lease takes no file of an equal upload that was sent meanwhile', async () => {
    const bytes = randomBytes(1000);
    const upload = await dueForCheck(bytes);
    let other: Upload | undefined;
    const { delivery } = world.build({
      send: async (request) => {
        if (other !== undefined) return world.send(request);
        world.clock.advance(400_000);
        await onUpload(world, { kind: 'lostAnswer' });
        other = await world.deliver(bytes);
        return world.send(request);
      },
    });

    await check(upload, delivery);
    const unfinished = await world.find(upload.id);
    const found = await world.next(other?.id ?? '');
    await check(upload);

    const rechecked = await world.find(upload.id);
    expect(other).toMatchObject({ status: 'unconfirmed' });
    expect(unfinished).toMatchObject({ recheckAt: expect.any(String) });
    expect(found).toMatchObject({ status: 'delivered', attachmentId: expect.any(String) });
    expect(rechecked).not.toHaveProperty('recheckAt');
    expect([rechecked, found].flatMap(({ duplicates = [] }) => duplicates)).toEqual([]);
  });

  it('ends without a report where the work item is gone: it holds no copies', async () => {
    const upload = await dueForCheck(randomBytes(1000));
    await world.ipdSettings({ missingIssues: [upload.issueId] });
    const { errors, telemetry } = collectErrors();

    await check(upload, world.build({ telemetry }).delivery);

    expect(await world.find(upload.id)).not.toHaveProperty('recheckAt');
    expect(errors).toEqual([]);
  });
});

describe('the staged file of an upload that was sent twice', () => {
  it('is removed by the check where the function that delivered it could not, and the check stays due until then', async () => {
    const { telemetry } = collectErrors();
    const { delivery } = world.build({ s3: storageThatFails('DeleteObjectCommand'), telemetry });
    const upload = await dueForCheck(randomBytes(1000), delivery);

    await expect(check(upload, delivery)).rejects.toThrow('the connection broke');
    const unfinished = await world.find(upload.id);
    await check(upload);

    expect(upload).not.toHaveProperty('isFileRemoved');
    expect(unfinished).toMatchObject({ recheckAt: expect.any(String) });
    expect(unfinished).not.toHaveProperty('isFileRemoved');
    expect(await world.find(upload.id)).toMatchObject({ isFileRemoved: true });
    expect(await world.find(upload.id)).not.toHaveProperty('recheckAt');
    expect(await world.isStaged(upload.id)).toBe(false);
  });

  it('is not removed by the check where it is removed already', async () => {
    const upload = await dueForCheck(randomBytes(1000));
    const before = removals(upload);

    await check(upload);

    expect(before).toBe(1);
    expect(await world.find(upload.id)).not.toHaveProperty('recheckAt');
    expect(removals(upload)).toBe(1);
  });
});

describe('the check for a second copy of a file that was never hashed', () => {
  /**
   * IPD's answer to the first request comes when the file is about to be sent again: it is delivered, and no second
   * request has hashed it. Another attachment of its size is there to be compared.
   */
  async function deliveredUnhashed(): Promise<Upload> {
    const bytes = randomBytes(1000);
    const { id } = await inDoubt(world, bytes);
    const lease = { token: randomUUID(), until: world.clock.now() + 300_000 };
    await world.ledger.change(id, (before) =>
      attempts.claim(before, { ...lease, attempt: before.attempts + 1, now: world.clock.now() }),
    );
    await world.ledger.change(id, (before) => attempts.resolveDoubt(before, lease));
    const attachmentId = await world.attach(await world.find(id), bytes);
    const delivered = await world.reconciliation.recordMatch(id, { attachmentId, isNamed: true });
    await world.attach(delivered, randomBytes(1000));
    setToCheck(delivered);
    return delivered;
  }

  it('is left to a person once the file is removed, and ends', async () => {
    const upload = await deliveredUnhashed();
    await world.closing.close(upload);
    const { errors, telemetry } = collectErrors();
    const { services, leftBy } = watched({ telemetry });

    expect(await leftBy(check(upload, services.delivery))).toEqual([]);

    expect(upload).toMatchObject({ status: 'delivered', resent: true });
    expect(upload.sentSha256).toBeUndefined();
    expect(errors).toMatchObject([
      { message: 'a second copy cannot be checked for', fields: { uploadId: upload.id } },
    ]);
    expect(await world.find(upload.id)).not.toHaveProperty('recheckAt');
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
  });

  it('is made later where storage fails', async () => {
    const upload = await deliveredUnhashed();
    const { errors, telemetry } = collectErrors();
    const s3 = storageThatFails('GetObjectCommand');

    await expect(check(upload, world.build({ s3, telemetry }).delivery)).rejects.toThrow(/broke off/);
    const unread = await world.find(upload.id);
    await check(upload);

    expect(unread).toMatchObject({ recheckAt: expect.any(String) });
    expect(unread).not.toHaveProperty('recheckLease');
    expect(errors).toEqual([]);
    const rechecked = await world.find(upload.id);
    expect(rechecked).not.toHaveProperty('recheckAt');
    expect(rechecked.mismatches).toHaveLength(1);
  });
});
