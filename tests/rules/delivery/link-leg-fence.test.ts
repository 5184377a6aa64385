import { CopyObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import * as attempts from '../../../lib/domain/attempts.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { LARGEST_ATTACHMENT, linking, linksOf } from '../../support/links.ts';
import { useMeanwhile } from '../../support/meanwhile.ts';
import { caller } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });
const servicesWhere = useMeanwhile(world);
const { shown, isKept, calls } = linksOf(world);
const gated = world.build({ config: { requiredScanTag: { name: 'scan', value: 'clean' } } });

const large = () => randomBytes(LARGEST_ATTACHMENT + 1);
const fence = z.object({ Item: z.looseObject({ status: z.literal('delivering'), sendingAt: z.string() }) });

const recordWrite = z.object({ Item: z.looseObject({ pk: z.string().startsWith('upload#') }) });

/** A delivery to which something happens before or after the write of its fence. */
function fenced({ before, after }: { before?: () => Promise<unknown>; after?: () => void }) {
  const { documents } = world.connectTable();
  documents.middlewareStack.add(
    (next) => async (args) => {
      if (!fence.safeParse(args.input).success) return next(args);
      await before?.();
      const answer = await next(args);
      after?.();
      return answer;
    },
    { step: 'initialize', name: 'fenced' },
  );
  return world.build({ documents }).delivery;
}

/** An upload whose link IPD never made, at the moment at which the next check resolves its doubt. */
async function resolvable(): Promise<Upload> {
  await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'reset' } }]);
  const { id } = await world.deliver(large());
  const checked = await world.next(id);
  expect(checked).toMatchObject({ status: 'unconfirmed', doubt: { absences: 1 } });
  world.clock.advance(HOUR_MS);
  return checked;
}

const next = ({ id, attempts: last }: Upload, delivery = world.delivery): Promise<void> =>
  delivery.onRequest({ uploadId: id, attempt: last + 1 }, world.run());

describe('the fence before a link', () => {
  it('comes after the copy of the file: a function that dies in the copy leaves no doubt', async () => {
    const bytes = large();
    const upload = await world.stage(bytes);
    let during: Upload | undefined;
    const { delivery } = servicesWhere({ before: CopyObjectCommand }, async () => {
      during = await world.find(upload.id);
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(during).toMatchObject({ status: 'delivering' });
    expect(during).not.toHaveProperty('sendingAt');
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('comes after the connection: a function that stands still on its way there makes no link', async () => {
    const bytes = large();
    const upload = await world.stage(bytes);
    const run = world.run();
    let before: Upload | undefined;
    const { delivery } = world.build({
      send: async (request) => {
        if (request.method === 'POST' && request.url.pathname.endsWith('third-party')) {
          before = await world.find(upload.id);
          world.clock.set(run.killedAt + MINUTE_MS);
        }
        return world.send(request);
      },
    });

    await delivery.onArrival(world.arrival(upload, bytes), run);

    expect(before).toMatchObject({ status: 'delivering' });
    expect(before).not.toHaveProperty('sendingAt');
    expect(calls('linkCreate')).toBe(0);
    expect(await world.find(upload.id)).toMatchObject({ lastError: { code: 'lease_lost' } });
  });

  it('keeps IPD from a link that its owner cancels in this moment', async () => {
    const bytes = large();
    const upload = await world.stage(bytes);
    const delivery = fenced({ before: () => world.uploads.cancel(caller, upload.id) });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'cancelled' });
    expect(calls('linkCreate')).toBe(0);
  });

  it.each([
    { leftMs: 35_001, status: 'delivered', made: 1 },
    { leftMs: 35_000, status: 'waiting', made: 0 },
  ])(
    'is passed only where its write has left time for an answer: $leftMs ms of the lease',
    async ({ leftMs, status, made }) => {
      const bytes = large();
      const upload = await world.stage(bytes);
      const run = world.run();
      const delivery = fenced({ after: () => world.clock.set(run.killedAt + 5000 - leftMs) });

      await delivery.onArrival(world.arrival(upload, bytes), run);

      expect(await world.find(upload.id)).toMatchObject({ status });
      expect(calls('linkCreate')).toBe(made);
    },
  );

  it('is withdrawn when IPD throttles the link, so that a function that dies in the pause leaves no doubt', async () => {
    const bytes = large();
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'throttled' } }]);
    let during: Upload | undefined;
    const { delivery } = world.build({
      clock: {
        ...world.clock,
        sleep: async () => {
          during = await world.find(upload.id);
        },
      },
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(during).toMatchObject({ status: 'delivering' });
    expect(during).not.toHaveProperty('sendingAt');
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
  });
});

describe('the fence after an unclear answer', () => {
  it('stands until the doubt is recorded', async () => {
    await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'reset' } }]);
    const { documents } = world.connectTable();
    const writes: unknown[] = [];
    documents.middlewareStack.add(
      (proceed) => async (args) => {
        const { data } = recordWrite.safeParse(args.input);
        if (data !== undefined) writes.push(data.Item);
        return proceed(args);
      },
      { step: 'initialize', name: 'note' },
    );
    const bytes = large();
    const upload = await world.stage(bytes);

    await world.build({ documents }).delivery.onArrival(world.arrival(upload, bytes), world.run());

    const sent = writes.findIndex((item) => fence.safeParse({ Item: item }).success);
    expect(writes.slice(sent + 1, sent + 2)).toMatchObject([{ status: 'unconfirmed', doubt: {} }]);
  });
});

describe('a link that is made again after a doubt', () => {
  it('waits for the scan of its file', async () => {
    const upload = await resolvable();

    await next(upload, gated.delivery);

    expect(await world.find(upload.id)).toMatchObject({ lastError: { code: 'scan_pending' } });
    expect(calls('linkCreate')).toBe(1);
  });

  it('is not made once the time for retries is over', async () => {
    const upload = await resolvable();
    const retryUntil = new Date(world.clock.now()).toISOString();
    await world.ledger.change(upload.id, (before) => ({ ...before, retryUntil, readyAt: retryUntil }));

    await next(upload);

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'retries_exhausted' },
    });
    expect(calls('linkCreate')).toBe(1);
  });

  it('is not made by a function that has lost its lease, nor is the file kept by it', async () => {
    const upload = await resolvable();
    const late = world.build({
      send: async (request) => {
        const answer = await world.send(request);
        if (request.method === 'GET' && request.url.pathname.endsWith('third-party'))
          await removeMeanwhile(upload);
        return answer;
      },
    });

    await next(upload, late.delivery);

    expect(await world.find(upload.id)).toMatchObject({ status: 'removed' });
    expect(await isKept(upload)).toBe(false);
    expect(await shown()).toEqual([]);
    expect(calls('linkCreate')).toBe(1);
  });
});

describe('a link that is made for the first time', () => {
  it('may be made when the time for retries is over, since no try was possible before', async () => {
    await world.faults([{ match: { operation: 'linkList' }, count: 1, fault: { kind: 'badGateway' } }]);
    const waiting = await world.deliver(large());
    expect(waiting).toMatchObject({ status: 'waiting' });
    world.clock.advance(HOUR_MS);
    const retryUntil = new Date(world.clock.now() - MINUTE_MS).toISOString();
    await world.ledger.change(waiting.id, (before) => ({ ...before, retryUntil, readyAt: retryUntil }));

    await next(waiting);

    expect(await world.find(waiting.id)).toMatchObject({ status: 'delivered' });
  });
});

/** The lease ends, the owner removes the link, and another function removes what there is of it. */
async function removeMeanwhile({ id }: Upload): Promise<void> {
  world.clock.advance(400_000);
  await world.ledger.change(id, (before) =>
    attempts.expireLease(before, { now: world.clock.now(), random: 0, policy: world.policy }),
  );
  await world.uploads.cancel(caller, id);
  await next(await world.find(id));
}
