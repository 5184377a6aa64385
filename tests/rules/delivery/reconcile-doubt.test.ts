import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { redrive } from '../../../lib/domain/lifecycle.ts';
import { inDoubt, checkUntilOver, onUpload } from '../../support/doubts.ts';
import { sha256 } from '../../support/sha256.ts';
import { useWorld } from '../../support/use-world.ts';

/** IPD's commit window and the difference that two clocks may have, in milliseconds. */
const COMMITTED = 660_000;

const world = await useWorld();

describe('a doubt', () => {
  it.each([
    ['a timeout of the gateway', { kind: 'gatewayTimeout', stored: true }],
    ['a reset after the body', { kind: 'lostAnswer' }],
    ['half an answer', { kind: 'cutAnswer', afterBytes: 10 }],
    ['half a JSON', { kind: 'truncatedJson' }],
    ['an unreadable success', { kind: 'htmlSuccess' }],
    ['an undefined error', { kind: 'undefinedError', stored: true }],
  ])('after %s is resolved by the first check', async (_name, fault) => {
    const bytes = randomBytes(1000);
    await onUpload(world, fault);

    const doubtful = await world.deliver(bytes);
    const after = await world.next(doubtful.id);

    const [attachment, ...others] = await world.received();
    expect(doubtful).toMatchObject({
      status: 'unconfirmed',
      failedAttempts: 0,
      lastError: { code: 'answer_lost' },
    });
    expect(after).toMatchObject({ status: 'delivered', attachmentId: attachment?.id });
    expect(after.lastError).toBeUndefined();
    expect(others).toEqual([]);
    expect(await world.isStaged(after.id)).toBe(false);
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('that comes again with each try is not sent again once the retry window is over', async () => {
    await world.faults([
      { match: { operation: 'upload' }, fault: { kind: 'gatewayTimeout', stored: false } },
    ]);
    let upload = await world.deliver();
    const staged = world.clock.now();
    await world.ledger.change(upload, (before) => ({
      ...before,
      retryUntil: new Date(staged + 3_600_000).toISOString(),
    }));

    while (upload.status === 'unconfirmed') upload = await world.next(upload.id);

    expect(upload).toMatchObject({
      status: 'failed',
      lastError: {
        code: 'retries_exhausted',
        detail: expect.stringMatching(/^IPD did not take the file\. HTTP 504/),
      },
    });
    expect(world.clock.now() - staged).toBeLessThan(3_600_000 + COMMITTED);
    expect(await world.received()).toEqual([]);
  });

  it.each([
    { storedAfter: 50, checkedAfter: [15, 60] },
    { storedAfter: 200, checkedAfter: [15, 60, 240] },
    { storedAfter: 599, checkedAfter: [15, 60, 240, 660] },
  ])(
    'is resolved at $checkedAfter s when IPD stores the file after $storedAfter s',
    async ({ storedAfter, checkedAfter }) => {
      await onUpload(world, { kind: 'storedLater', afterSeconds: storedAfter });

      const seen = await checkUntilOver(world, await world.deliver());

      expect(seen).toMatchObject({ checkedAfter, after: { status: 'delivered' } });
      expect(world.uploadRequests()).toHaveLength(1);
    },
  );

  it('is sent again after the commit window, when no check before has found it', async () => {
    const bytes = randomBytes(1000);

    const { checkedAfter, after } = await checkUntilOver(world, await inDoubt(world, bytes));

    expect(checkedAfter).toEqual([15, 60, 240, 660]);
    expect(after).toMatchObject({ status: 'delivered', resent: true, failedAttempts: 0 });
    expect(await world.received()).toMatchObject([{ sha256: sha256(bytes) }]);
    expect(world.uploadRequests()).toHaveLength(2);
  });

  it('is not sent again after a single check, even a late one', async () => {
    const { id } = await inDoubt(world, randomBytes(1000));
    world.clock.advance(2 * COMMITTED);

    const absent = await world.next(id);
    const readOnce = world.uploadRequests().length;
    const after = await world.next(id);

    expect(absent).toMatchObject({ status: 'unconfirmed', doubt: { absences: 1 } });
    expect(readOnce).toBe(1);
    expect(after).toMatchObject({ status: 'delivered' });
    expect(world.uploadRequests()).toHaveLength(2);
  });

  it('is not resolved by a check that began within the commit window and ended after it', async () => {
    const upload = await inDoubt(world, randomBytes(1000));
    const { attempts } = await world.next(upload.id);
    await world.attach(upload, randomBytes(1000));
    const sent = world.uploadRequests().length;
    world.clock.set(Date.parse(upload.doubt?.since ?? '') + COMMITTED - 60_000);
    const { documents } = world.connectTable();
    documents.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        if (JSON.stringify(args.input).includes('"mismatches":[')) world.clock.advance(120_000);
        return answer;
      },
      { step: 'initialize', name: 'slowDownload' },
    );

    const { delivery } = world.build({ documents });
    await delivery.onRequest({ uploadId: upload.id, attempt: attempts + 1 }, world.run());

    expect(world.clock.now()).toBeGreaterThan(Date.parse(upload.doubt?.since ?? '') + COMMITTED);
    expect(await world.find(upload.id)).toMatchObject({ status: 'unconfirmed', doubt: { absences: 2 } });
    expect(world.uploadRequests()).toHaveLength(sent);
  });

  it('is not resolved by a failed check', async () => {
    const { id } = await inDoubt(world, randomBytes(1000));
    await world.next(id);
    world.clock.advance(2 * COMMITTED);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);

    const after = await world.next(id);

    expect(after).toMatchObject({
      status: 'unconfirmed',
      doubt: { absences: 1 },
      lastError: { code: 'ipd_unavailable' },
    });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('begins anew when the answer is lost again', async () => {
    const bytes = randomBytes(1000);
    const first = await inDoubt(world, bytes);
    await onUpload(world, { kind: 'lostAnswer' });
    world.clock.advance(COMMITTED);
    await world.next(first.id);

    const second = await world.next(first.id);
    const sentAgain = world.clock.now();
    const after = await world.next(first.id);

    expect(second).toMatchObject({
      status: 'unconfirmed',
      doubt: { since: new Date(sentAgain).toISOString(), absences: 0, accepted: false },
    });
    expect(after).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
  });

  it('ends in an unknown outcome when the work item is full and does not show the file', async () => {
    const upload = await inDoubt(world, randomBytes(1000));
    await world.ipdSettings({ fullIssues: [upload.issueId] });

    const { checkedAfter, after } = await checkUntilOver(world, upload);

    expect(checkedAfter).toEqual([15, 60, 240, 660]);
    expect(after).toMatchObject({ status: 'failed', lastError: { code: 'outcome_unknown' } });
    expect(world.uploadRequests()).toHaveLength(1);
    expect(await world.isStaged(upload.id)).toBe(true);
  });

  it('is resolved when a full work item shows the file', async () => {
    await onUpload(world, { kind: 'lostAnswer' });
    const upload = await world.deliver();
    await world.ipdSettings({ fullIssues: [upload.issueId] });

    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('ends in an unknown outcome when the work item is gone', async () => {
    const upload = await inDoubt(world, randomBytes(1000));
    await world.ipdSettings({ missingIssues: [upload.issueId] });

    expect(await world.next(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'outcome_unknown' },
    });
  });

  it('is resolved without the staged file when the SHA-256 was declared, and otherwise ends in an unknown outcome', async () => {
    const [declared, undeclared] = [randomBytes(1000), randomBytes(1001)];
    await onUpload(world, { kind: 'lostAnswer' }, 2);
    const first = await world.deliver(declared, { sha256: sha256(declared) });
    const second = await world.deliver(undeclared);
    for (const { id } of [first, second]) await world.staging.remove(`staging/${id}`);

    expect(await world.next(first.id)).toMatchObject({ status: 'delivered' });
    expect(await world.next(second.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'outcome_unknown' },
    });
  });
});

describe('a success without an id', () => {
  it.each(['nullResult', 'emptyResult', 'resultWithoutId'])('is checked at once: %s', async (kind) => {
    await onUpload(world, { kind });

    const after = await world.deliver();

    const [attachment] = await world.received();
    expect(after).toMatchObject({ status: 'delivered', attachmentId: attachment?.id, attempts: 1 });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('is checked by a delivery of its own after an earlier retryable failure, since many come back at once', async () => {
    await onUpload(world, { kind: 'iamUnavailable' });
    const waiting = await world.deliver();
    await onUpload(world, { kind: 'nullResult' });
    const readBefore = world.listRequests().length;

    const accepted = await world.next(waiting.id);
    const after = await world.next(waiting.id);

    expect(waiting).toMatchObject({ status: 'waiting' });
    expect(accepted).toMatchObject({ status: 'unconfirmed', doubt: { accepted: true } });
    expect(after).toMatchObject({ status: 'delivered', attempts: 3 });
    // Once for the upload, once for the check.
    expect(world.listRequests()).toHaveLength(readBefore + 2);
  });

  it('is checked by a delivery of its own after an operator has retried it, since many come back at once, too', async () => {
    await onUpload(world, { kind: 'error200' });
    const { id } = await world.deliver();
    await world.ledger.change(id, (before) =>
      redrive(before, { by: 'op', reason: 'r', now: world.clock.now(), policy: world.policy }),
    );
    await onUpload(world, { kind: 'nullResult' });

    expect(await world.next(id)).toMatchObject({ status: 'unconfirmed', doubt: { accepted: true } });
    expect(await world.next(id)).toMatchObject({ status: 'delivered' });
  });

  it('is checked until the list shows the file', async () => {
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 30 });

    const accepted = await world.deliver();
    const { checkedAfter, after } = await checkUntilOver(world, accepted);

    const [attachment] = await world.received();
    expect(accepted).toMatchObject({
      doubt: { accepted: true, absences: 0 },
      lastError: { code: 'id_missing' },
    });
    expect(checkedAfter).toEqual([15, 60]);
    expect(after).toMatchObject({ status: 'delivered', attachmentId: attachment?.id });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('that the list never shows is delivered without one, says why, and is never sent again', async () => {
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 1_000_000 });

    const { checkedAfter, after } = await checkUntilOver(world, await world.deliver());

    expect(checkedAfter).toEqual([15, 60, 240, 660]);
    expect(after).toMatchObject({
      status: 'delivered',
      attachmentId: null,
      reason: expect.stringContaining('id'),
    });
    expect(after.lastError).toBeUndefined();
    expect(await world.isStaged(after.id)).toBe(false);
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('is delivered without one when the work item is gone meanwhile', async () => {
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 30 });
    const upload = await world.deliver();
    await world.ipdSettings({ missingIssues: [upload.issueId] });

    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered', attachmentId: null });
  });
});
