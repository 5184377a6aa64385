import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import { inDoubt, onUpload } from '../../support/doubts.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

const put = z.object({ Item: z.object({ pk: z.string() }) });
const writtenKey = (input: unknown): string => put.safeParse(input).data?.Item.pk ?? '';

/** A connection to the table that says, before each claim of an attachment, which one it is. */
function watchingClaims(onClaim: (attachmentId: string) => unknown) {
  const { documents } = world.connectTable();
  documents.middlewareStack.add(
    (next) => async (args) => {
      const [, id] = /^attachment#(.*)$/.exec(writtenKey(args.input)) ?? [];
      if (id !== undefined) await onClaim(id);
      return next(args);
    },
    { step: 'initialize', name: 'watchClaims' },
  );
  return documents;
}

describe('a match', () => {
  it('costs one claim', async () => {
    const claimed: string[] = [];
    const documents = watchingClaims((id) => claimed.push(id));
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);

    await world.build({ documents }).delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', attachmentId: claimed[0] });
    expect(claimed).toHaveLength(1);
  });

  it('that a function finds without the lease is neither recorded nor claimed', async () => {
    const bytes = randomBytes(1000);
    const upload = await inDoubt(world, bytes);
    const attachmentId = await world.attach(upload, bytes);

    const after = await world.reconciliation.recordMatch(upload.id, { attachmentId }, randomUUID());

    expect(after).toEqual(upload);
    expect(await world.ledger.findClaims([attachmentId])).toEqual(new Map());
  });

  it('is the one that the list shows first, at each attempt; the others are its duplicates', async () => {
    const bytes = randomBytes(1000);
    const upload = await inDoubt(world, bytes);
    const copies: string[] = [];
    for (let n = 0; n < 3; n += 1) copies.push(await world.attach(upload, bytes));

    const after = await world.next(upload.id);

    const [attachmentId, ...duplicates] = copies;
    expect(after).toMatchObject({ status: 'delivered', attachmentId, duplicates });
  });

  it('takes no further copy that another upload claims in the meantime', async () => {
    await onUpload(world, { kind: 'storedTwice', answer: 'reset' });
    const { id } = await world.deliver();
    const [first, second = ''] = (await world.received()).map((copy) => copy.id);
    const { attempts: last, dueAt } = await world.find(id);
    world.clock.set(Date.parse(dueAt ?? ''));
    const { errors, telemetry } = collectErrors();
    const documents = watchingClaims(async (claimed) => {
      if (claimed === second) await world.ledger.claimAttachment(second, randomUUID());
    });

    await world
      .build({ documents, telemetry })
      .delivery.onRequest({ uploadId: id, attempt: last + 1 }, world.run());

    const after = await world.find(id);
    expect(after).toMatchObject({ status: 'delivered', attachmentId: first });
    expect(after.duplicates ?? []).toEqual([]);
    expect(errors).toEqual([]);
  });
});

describe("an answer that names a copy late, when a dead function has made another copy the upload's", () => {
  /** That function died before its claim. `taken` are claimed by another upload. */
  async function nameLate(taken: (copies: string[]) => (string | undefined)[]) {
    const bytes = randomBytes(1000);
    const { id } = await inDoubt(world, bytes);
    const now = world.clock.now();
    const lease = { token: randomUUID(), until: now + 300_000 };
    await world.ledger.change(id, (before) =>
      attempts.claim(before, { ...lease, attempt: before.attempts + 1, now }),
    );
    const upload = await world.find(id);
    const copies = [await world.attach(upload, bytes), await world.attach(upload, bytes)];
    const [first = '', second = ''] = copies;
    await world.ledger.change(id, (before) =>
      endings.setCandidate(before, { attachmentId: first, token: lease.token, now }),
    );
    const other = randomUUID();
    for (const copy of taken(copies)) await world.ledger.claimAttachment(copy ?? '', other);
    const { errors, telemetry } = collectErrors();
    const { reconciliation } = world.build({ telemetry });

    const after = await reconciliation.recordMatch(id, { attachmentId: second, isNamed: true });

    const claims = await world.ledger.findClaims(copies);
    return { after, first, second, errors, hasClaimed: copies.map((copy) => claims.get(copy) === id) };
  }

  it('leaves it that one, claims both, and reports the named one as a duplicate', async () => {
    const { after, first, second, errors, hasClaimed } = await nameLate(() => []);

    expect(after).toMatchObject({ status: 'delivered', attachmentId: first, duplicates: [second] });
    expect(hasClaimed).toEqual([true, true]);
    expect(errors).toMatchObject([{ message: 'duplicate attachment', fields: { attachmentId: second } }]);
  });

  it("makes the named one the upload's where another upload has the first", async () => {
    const { after, first, second, hasClaimed } = await nameLate(([copy]) => [copy]);

    expect(after).toMatchObject({ status: 'delivered', attachmentId: second, mismatches: [first] });
    expect(after.duplicates).toEqual([]);
    expect(hasClaimed).toEqual([false, true]);
  });

  it('delivers the upload with the first where another upload has the named one', async () => {
    const { after, first, second, hasClaimed } = await nameLate(([, copy]) => [copy]);

    expect(after).toMatchObject({ status: 'delivered', attachmentId: first, mismatches: [second] });
    expect(after.duplicates).toEqual([]);
    expect(hasClaimed).toEqual([true, false]);
  });
});
