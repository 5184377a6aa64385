import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { claim } from '../../../lib/domain/attempts.ts';
import { createReconciliation } from '../../../lib/delivery/reconcile.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { onUpload } from '../../support/doubts.ts';
import { sha256 } from '../../support/sha256.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';

const put = z.object({ Item: z.object({ pk: z.string() }) });
const claimedKey = (input: unknown): string => put.safeParse(input).data?.Item.pk ?? '';

const world = await useWorld();

/** Delivers a file to the work item, and answers with what is reported to the operator. */
async function deliver(bytes: Buffer) {
  const { lines, measured, telemetry } = collectTelemetry();
  const { delivery } = world.build({ telemetry });
  const { id } = await world.stage(bytes);
  await delivery.onArrival({ ...world.arrival(await world.find(id), bytes) }, world.run());
  return {
    upload: await world.find(id),
    contradictions: measured.filter(({ Contradictions }) => Contradictions === 1).length,
    reported: lines.filter(({ message }) => message === 'IPD contradicts itself').length,
  };
}

function idOf(upload: Upload): string | null | undefined {
  return upload.status === 'delivered' ? upload.attachmentId : undefined;
}

/** The id under which IPD holds these bytes. */
async function heldAs(bytes: Buffer): Promise<string | undefined> {
  return (await world.received()).find((file) => file.sha256 === sha256(bytes))?.id;
}

describe('an answer that names an attachment', () => {
  it.each([
    ['that was there before', 'earlierResult', 1],
    ['of another size', 'otherSize', 1],
    ['among all of the work item', 'wholeResult', 0],
  ])(
    '%s is a success without an id: the file is recognised by its bytes',
    async (_name, kind, contradictions) => {
      const [first, second] = [randomBytes(1000), randomBytes(2000)];
      const before = await deliver(first);
      await onUpload(world, { kind });

      const after = await deliver(second);

      expect(before).toMatchObject({ upload: { status: 'delivered' }, contradictions: 0 });
      expect(idOf(before.upload)).toBe(await heldAs(first));
      expect(idOf(after.upload)).toBe(await heldAs(second));
      expect(after).toMatchObject({ contradictions, reported: contradictions });
      expect(world.uploadRequests()).toHaveLength(2);
    },
  );

  it("that has the same bytes and was there before is not taken for this upload's", async () => {
    const bytes = randomBytes(1000);
    const before = await deliver(bytes);
    await onUpload(world, { kind: 'earlierResult' });

    const after = await deliver(bytes);

    expect(idOf(after.upload)).toEqual(expect.any(String));
    expect(idOf(after.upload)).not.toBe(idOf(before.upload));
  });

  it("that the list did not show, and that is another upload's, is not taken for this upload's", async () => {
    const [first, second] = [randomBytes(1000), randomBytes(1000)];
    await onUpload(world, { kind: 'listDelay', seconds: 400 });
    const { upload } = await deliver(first);
    const body = { status: 'success', message: null, result: [{ id: idOf(upload) }] };
    await onUpload(world, { kind: 'answer', status: 200, stored: true, body });

    const after = await deliver(second);

    expect(after).toMatchObject({
      upload: { status: 'unconfirmed', doubt: { accepted: true } },
      contradictions: 1,
      reported: 1,
    });
    expect(idOf(await world.next(after.upload.id))).toBe(await heldAs(second));
    expect(world.uploadRequests()).toHaveLength(2);
  });
});

describe('a claim', () => {
  it("on another upload's attachment never leads to delivered: IPD is checked for the file again", async () => {
    const bytes = randomBytes(1000);
    await onUpload(world, { kind: 'lostAnswer' });
    const { id } = await world.deliver(bytes);
    const { lines, measured, telemetry } = collectTelemetry();
    const taken = '1'.repeat(18);
    await world.ledger.claimAttachment(taken, randomUUID());
    const { delivery } = world.build({ telemetry });
    const now = world.clock.now();
    const lease = { token: randomUUID(), until: now + 300_000 };
    await world.ledger.change(id, (before) => claim(before, { ...lease, attempt: before.attempts + 1, now }));

    const after = await createReconciliation({ ...world, telemetry }).recordMatch(
      id,
      { attachmentId: taken },
      lease.token,
    );
    world.clock.set(Date.parse(after.dueAt ?? ''));
    await delivery.onRequest({ uploadId: id, attempt: after.attempts + 1 }, world.run());

    expect(after).toMatchObject({ status: 'unconfirmed', mismatches: [taken] });
    expect(after.candidate).toBeUndefined();
    expect(idOf(await world.find(id))).toBe(await heldAs(bytes));
    expect(measured).toContainEqual({ Contradictions: 1 });
    expect(lines).toContainEqual(
      expect.objectContaining({ message: 'IPD contradicts itself', attachmentId: taken }),
    );
  });

  it('that was interrupted and is lost leaves an upload that IPD has: it is never sent again', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const { claimed, delivery } = losingClaims();

    await delivery.onArrival(world.arrival(upload, bytes), world.run());
    const rejected = await world.find(upload.id);
    let after = rejected;
    while (after.status === 'unconfirmed') after = await world.next(upload.id);

    expect(claimed()).toBe(await heldAs(bytes));
    expect(rejected).toMatchObject({ status: 'unconfirmed', doubt: { accepted: true } });
    expect(after).toMatchObject({ status: 'delivered', attachmentId: null });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('on the first of two copies that is lost leaves the second for the next check', async () => {
    await onUpload(world, { kind: 'storedTwice', answer: 'reset' });
    const { id } = await world.deliver();
    const [first, second] = (await world.received()).map((copy) => copy.id);
    const { delivery } = losingClaims(first);
    const { attempts, dueAt } = await world.find(id);
    world.clock.set(Date.parse(dueAt ?? ''));

    await delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run());

    const rejected = await world.find(id);
    const after = await world.next(id);

    expect(rejected).toMatchObject({ status: 'unconfirmed', mismatches: [first] });
    expect(after).toMatchObject({ status: 'delivered', attachmentId: second, mismatches: [first] });
    expect(after.duplicates ?? []).toEqual([]);
  });

  /** Services for which another upload claims each attachment, or only one, just before the product claims it. */
  function losingClaims(only?: string) {
    let last = '';
    const { documents } = world.connectTable();
    documents.middlewareStack.add(
      (next) => async (args) => {
        const [, id] = /^attachment#(.*)$/.exec(claimedKey(args.input)) ?? [];
        if (id !== undefined && (only ?? id) === id) await world.ledger.claimAttachment(id, randomUUID());
        last = id ?? last;
        return next(args);
      },
      { step: 'initialize', name: 'beFaster' },
    );
    return { claimed: () => last, delivery: world.build({ documents }).delivery };
  }
});

describe('IPD contradicts itself', () => {
  it('when it has a file that it refused: a retry finds it and sends nothing', async () => {
    const bytes = randomBytes(1000);
    await onUpload(world, { kind: 'error200', stored: true });
    const refused = await deliver(bytes);
    await world.uploads.retry({ owner: 'user-1', projects: '*' }, refused.upload.id);
    const { measured, telemetry } = collectTelemetry();

    await world
      .build({ telemetry })
      .delivery.onRequest({ uploadId: refused.upload.id, attempt: 2 }, world.run());

    expect(refused.upload).toMatchObject({ status: 'failed', lastError: { code: 'ipd_refused' } });
    expect(idOf(await world.find(refused.upload.id))).toBe(await heldAs(bytes));
    expect(measured).toContainEqual({ Contradictions: 1 });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('when it has taken a file and never shows it', async () => {
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 100_000 });
    const { id } = await world.deliver();
    const { measured, telemetry } = collectTelemetry();
    const { delivery } = world.build({ telemetry });
    let upload = await world.find(id);
    while (upload.status === 'unconfirmed') {
      world.clock.set(Date.parse(upload.dueAt ?? ''));
      await delivery.onRequest({ uploadId: id, attempt: upload.attempts + 1 }, world.run());
      upload = await world.find(id);
    }

    expect(upload).toMatchObject({ status: 'delivered', attachmentId: null });
    expect(measured.filter(({ Contradictions }) => Contradictions === 1)).toHaveLength(1);
  });

  it('when it answers success before the file is complete: that is no delivery', async () => {
    const { lines, telemetry } = collectTelemetry();
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await onUpload(world, { kind: 'nullResult', early: true });

    await world.build({ telemetry }).delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'waiting' });
    expect(lines.map(({ message }) => message)).toContain('IPD contradicts itself');
  });
});

describe('an answer that does not say whether the file was stored', () => {
  const page = { kind: 'answer', body: '<html>sorry</html>' };

  it.each([
    ['an error text that asks to try later', { kind: 'tryLater200' }],
    ["a proxy's page that throttles", { ...page, status: 429 }],
    ["a gateway's page that finds nothing", { ...page, status: 404 }],
  ])('is a doubt: IPD is checked for the file, and it is not sent again: %s', async (_name, fault) => {
    const bytes = randomBytes(1000);
    await onUpload(world, { ...fault, stored: true });

    const doubtful = await world.deliver(bytes);
    const after = await world.next(doubtful.id);

    expect(doubtful).toMatchObject({ status: 'unconfirmed', lastError: { code: 'answer_lost' } });
    expect(idOf(after)).toBe(await heldAs(bytes));
    expect(world.uploadRequests()).toHaveLength(1);
  });
});
