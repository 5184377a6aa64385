import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { MINUTE_MS } from '../../../lib/domain/units.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { LARGEST_ATTACHMENT, linking, linksOf } from '../../support/links.ts';
import { useMeanwhile } from '../../support/meanwhile.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { caller } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });
const servicesWhere = useMeanwhile(world);
const { shown, plant, uproot, isKept, calls } = linksOf(world);

/** A delivered link whose check is due. */
async function dueForCheck(): Promise<Upload> {
  const { id } = await world.deliver(randomBytes(LARGEST_ATTACHMENT + 1));
  world.clock.advance(MINUTE_MS);
  const recheckAt = new Date(world.clock.now()).toISOString();
  const { upload } = await world.ledger.change(id, (before) =>
    before.status === 'delivered' ? { ...before, recheckAt, dueAt: recheckAt } : undefined,
  );
  return upload;
}

/** A link that its owner has removed, before anything was deleted. */
async function removedLink(): Promise<Upload> {
  const { id } = await world.deliver(randomBytes(LARGEST_ATTACHMENT + 1));
  return (await world.uploads.cancel(caller, id)).upload;
}

async function check({ id }: Upload, delivery = world.delivery): Promise<Upload> {
  await delivery.onRequest({ uploadId: id, attempt: 99 }, world.run());
  return world.find(id);
}

/** Services to which something happens when IPD has answered their list of links. */
function whereMeanwhile(happens: () => Promise<unknown>) {
  return world.build({
    send: async (request) => {
      const answer = await world.send(request);
      if (request.method === 'GET' && request.url.pathname.endsWith('third-party')) await happens();
      return answer;
    },
  });
}

const counted = () => world.ledger.readState(`tries#${Math.floor(world.clock.now() / MINUTE_MS)}`);

describe('the check of a delivered link', () => {
  it('waits where links are switched off, and its message does not come back', async () => {
    const upload = await dueForCheck();
    const { delivery } = world.build({ config: { links: undefined } });

    const checked = await check(upload, delivery);

    expect(checked).toMatchObject({ status: 'delivered', recheckAt: expect.any(String) });
    expect(await shown()).toHaveLength(1);
  });

  it('keeps another link to the file where the recorded one is gone, and records that', async () => {
    const upload = await dueForCheck();
    const [{ id, url } = { id: '', url: '' }] = await shown();
    await plant(upload, url);
    await uproot(id);
    const [left] = await shown();

    const checked = await check(upload);

    expect(await shown()).toEqual([left]);
    expect(checked).toMatchObject({ status: 'delivered', link: { id: left?.id } });
    expect(checked).not.toHaveProperty('recheckAt');
    expect(await isKept(upload)).toBe(true);
  });

  it('keeps the recorded link where there is an older one, and deletes that', async () => {
    const upload = await dueForCheck();
    const [{ url } = { url: '' }] = await shown();
    await plant(upload, url);
    const [, recorded] = await shown();
    await world.ledger.change(upload.id, (before) =>
      before.status === 'delivered' && before.link && recorded
        ? { ...before, link: { ...before.link, id: recorded.id } }
        : undefined,
    );

    const checked = await check(upload);

    expect(await shown()).toEqual([recorded]);
    expect(checked).toMatchObject({ link: { id: recorded?.id } });
  });

  it('keeps the recorded link also with another link key since', async () => {
    const upload = await dueForCheck();
    const [recorded] = await shown();
    await plant(upload, `${recorded?.url}-by-hand`);
    const { links } = world.config;
    const { delivery } = world.build({
      config: {
        links: links && { ...links, key: { kind: 'inline', text: 'another key that is long enough, too' } },
      },
    });

    const checked = await check(upload, delivery);

    expect(await shown()).toEqual([recorded]);
    expect(checked).toMatchObject({ status: 'delivered', link: { id: recorded?.id } });
  });

  it('ends where a person has deleted all links, and leaves what is recorded', async () => {
    const upload = await dueForCheck();
    for (const { id } of await shown()) await uproot(id);

    const checked = await check(upload);

    expect(checked).toMatchObject({ link: { id: upload.status === 'delivered' ? upload.link?.id : '' } });
    expect(checked).not.toHaveProperty('recheckAt');
  });

  it.each(['badGateway', 'noPermission', undefined])(
    'leaves what is still to be done of a link that is removed meanwhile (answer: %s)',
    async (fault) => {
      const upload = await dueForCheck();
      if (fault !== undefined) {
        await world.faults([{ match: { operation: 'linkList' }, count: 1, fault: { kind: fault } }]);
      }
      const { delivery } = whereMeanwhile(() => world.uploads.cancel(caller, upload.id));

      const taken = await check(upload, delivery);

      expect(taken).toMatchObject({
        status: 'removed',
        recheckAt: taken.status === 'removed' ? taken.removal.at : '',
      });
      expect(taken).not.toHaveProperty('removal.linksDeletedAt');
      await check(taken);
      expect(await shown()).toEqual([]);
    },
  );

  it('counts as a try when IPD answers, and as a throttled one when it throttles', async () => {
    const upload = await dueForCheck();
    await world.faults([{ match: { operation: 'linkList' }, count: 1, fault: { kind: 'throttled' } }]);

    await check(upload);
    const throttled = await counted();
    await check(upload);

    expect(throttled).toMatchObject({ tries: 1, throttled: 1 });
    expect(await counted()).toMatchObject({ tries: 2, throttled: 1 });
  });
});

describe('the check of a link that was removed', () => {
  it('is made again at once where IPD could not be read', async () => {
    const upload = await removedLink();
    await world.faults([{ match: { operation: 'linkList' }, count: 1, fault: { kind: 'badGateway' } }]);

    const unread = await check(upload);
    expect(unread).toMatchObject({ recheckAt: expect.any(String) });
    expect(unread).not.toHaveProperty('recheckLease');
    expect(unread).not.toHaveProperty('removal.linksDeletedAt');
    await check(unread);

    expect(await shown()).toEqual([]);
  });

  it('is made again where a link could not be deleted', async () => {
    const upload = await removedLink();
    await world.faults([{ match: { operation: 'linkDelete' }, count: 1, fault: { kind: 'badGateway' } }]);

    const left = await check(upload);
    expect(left).not.toHaveProperty('removal.linksDeletedAt');
    const after = await check(left);

    expect(await shown()).toEqual([]);
    expect(after).toMatchObject({ removal: { linksDeletedAt: expect.any(String) } });
  });

  it('deletes what IPD shows, and is reported and over where the list is cut', async () => {
    const upload = await removedLink();
    await plant(upload, 'https://example.com/other');
    await world.ipdSettings({ linksShown: 1 });
    const { lines, measured, telemetry } = collectTelemetry();
    const { delivery } = world.build({ telemetry });

    const after = await check(upload, delivery);

    expect(await shown()).toMatchObject([{ url: 'https://example.com/other' }]);
    expect(after).not.toHaveProperty('recheckAt');
    expect(lines).toContainEqual(expect.objectContaining({ message: 'links cannot be checked' }));
    expect(measured).toContainEqual({ LinksNotDeleted: 1 });
  });

  it('needs no link key, and so goes on while linking is off', async () => {
    const upload = await removedLink();
    const { delivery } = world.build({ config: { links: undefined } });

    const after = await check(upload, delivery);

    expect(await shown()).toEqual([]);
    expect(after).toMatchObject({ removal: { linksDeletedAt: expect.any(String) } });
  });

  it('is made by one function at a time', async () => {
    const upload = await removedLink();
    const second = servicesWhere({ before: DeleteObjectCommand }, () => check(upload));

    await check(upload, second.delivery);

    expect(calls('linkList') - 1).toBe(1);
  });
});
