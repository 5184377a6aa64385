import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { HOUR_MS } from '../../../lib/domain/units.ts';
import { LARGEST_ATTACHMENT, linking, linksOf } from '../../support/links.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';

const kept = z.looseObject({
  version: z.int(),
  recentOutages: z.array(z.object({ call: z.string() })).default([]),
});

const world = await useWorld({ environment: { ...linking, PREFLIGHT: 'off' } });
const { shown, calls } = linksOf(world);

const large = () => randomBytes(LARGEST_ATTACHMENT + 1);
const onList = (kind: string, count = 1) =>
  world.faults([{ match: { operation: 'linkList' }, count, fault: { kind } }]);
const onCreate = (kind: string) =>
  world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind } }]);

const breakerState = async () => kept.parse((await world.ledger.readState('breaker')) ?? { version: 0 });

async function setOutages(calls_: string[]): Promise<void> {
  const { version } = await breakerState();
  const recentOutages = calls_.map((call, index) => ({ issueId: String(index), call }));
  await world.ledger.writeState('breaker', version, { openings: 0, recentOutages });
}

const outages = async () => (await breakerState()).recentOutages.map(({ call }) => call);

/** An upload whose link IPD never made; its doubt may be resolved from now on. */
async function inDoubt(): Promise<string> {
  await onCreate('reset');
  const { id } = await world.deliver(large());
  world.clock.advance(HOUR_MS);
  return id;
}

describe('IPD takes a link', () => {
  it('and names it: the list is not read again', async () => {
    await world.ipdSettings({ listDelaySeconds: 60 });

    const upload = await world.deliver(large());

    expect(upload).toMatchObject({ status: 'delivered', link: { id: (await shown())[0]?.id } });
    expect(calls('linkList')).toBe(1);
  });

  it('and names none: the list shows it', async () => {
    await onCreate('emptyResult');

    const upload = await world.deliver(large());

    expect(upload).toMatchObject({ status: 'delivered', link: { id: (await shown())[0]?.id } });
    expect(calls('linkList')).toBe(2);
  });

  it.each([
    { listDelaySeconds: 60, fault: undefined },
    { listDelaySeconds: 0, fault: 'badGateway' },
  ])('and neither names nor shows it: a later list does ($fault)', async ({ listDelaySeconds, fault }) => {
    await world.ipdSettings({ listDelaySeconds });
    await world.faults([
      { match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'emptyResult' } },
      ...(fault === undefined
        ? []
        : [{ match: { operation: 'linkList' }, skip: 1, count: 1, fault: { kind: fault } }]),
    ]);

    const unsure = await world.deliver(large());
    expect(unsure).toMatchObject({
      status: 'unconfirmed',
      lastError: { detail: 'IPD named no link, and shows none' },
    });
    world.clock.advance(HOUR_MS);
    const upload = await world.next(unsure.id);

    expect(upload).toMatchObject({ status: 'delivered' });
    expect(calls('linkCreate')).toBe(1);
  });
});

describe('IPD refuses', () => {
  it.each(['error200', 'projectMissing'])(
    'a link for another reason than a permission: %s',
    async (fault) => {
      await onCreate(fault);

      const upload = await world.deliver(large());

      expect(upload).toMatchObject({
        status: 'failed',
        lastError: { code: fault === 'error200' ? 'ipd_refused' : 'work_item_missing' },
      });
      expect(upload.lastError?.detail).not.toContain('permission to');
    },
  );

  it('the list while the upload is in doubt: only a person can tell', async () => {
    const id = await inDoubt();
    await onList('noPermission');

    const upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'failed', lastError: { code: 'outcome_unknown' } });
    expect(upload.lastError?.detail).toMatch(/^HTTP 4\d\d PM\.02174103/);
  });
});

describe('IPD gives no clear answer to the list', () => {
  it('of a new upload, which leaves no doubt', async () => {
    await onList('badGateway');

    const upload = await world.deliver(large());

    expect(upload).toMatchObject({
      status: 'waiting',
      lastError: { code: 'ipd_unavailable', detail: expect.stringContaining('502') },
    });
    expect(upload).not.toHaveProperty('doubt');
  });

  it.each(['badGateway', 'notPublished', 'throttled'])(
    'of an upload in doubt, which stays so: %s',
    async (fault) => {
      const id = await inDoubt();
      await onList(fault, 9);

      const upload = await world.next(id);

      expect(upload).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    },
  );
});

describe('the breaker', () => {
  it.each([undefined, 'noPermission'])('learns that IPD answers: %s', async (fault) => {
    await setOutages(['list', 'connection']);
    if (fault !== undefined) await onList(fault);

    await world.deliver(large());

    expect(await outages()).toEqual([]);
  });

  it.each(['badGateway', 'notPublished', 'throttled'])(
    'learns nothing of attachments from an API that this region may not have: %s',
    async (fault) => {
      await setOutages(['list', 'connection']);
      await onList(fault, 9);

      await world.deliver(large());

      expect(await outages()).toEqual(['list', 'connection']);
    },
  );

  it('opens when IPD cannot be reached', async () => {
    await setOutages(['connection', 'connection', 'connection', 'connection']);
    const { delivery } = world.build({
      config: { ipd: { ...world.config.ipd, endpoint: 'http://127.0.0.1:1' } },
    });
    const bytes = large();
    const upload = await world.stage(bytes);

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect((await world.intake.limits()).breaker).toMatchObject({ state: 'open' });
  });

  it('opens when IPD refuses the credentials', async () => {
    await onList('keyLocked', 9);

    await world.deliver(large());

    expect((await world.intake.limits()).breaker).toMatchObject({ state: 'open' });
  });
});

describe('an upload that is to end as a link', () => {
  it('waits while linking is off', async () => {
    const bytes = large();
    const upload = await world.stage(bytes);
    const { delivery } = world.build({ config: { links: undefined } });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'waiting',
      lastError: { code: 'ipd_unavailable', detail: 'OVERSIZE is not link any more' },
    });
  });

  it('waits while the link key cannot be read', async () => {
    const bytes = large();
    const upload = await world.stage(bytes);
    const { errors, telemetry } = collectErrors();
    const { links } = world.config;
    const tooShort = { kind: 'inline' as const, text: 'short' };
    const { delivery } = world.build({
      config: { links: links && { ...links, key: tooShort } },
      telemetry,
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'waiting',
      lastError: { code: 'ipd_unavailable', detail: 'the link key cannot be read' },
    });
    expect(errors).toMatchObject([{ message: 'the link key cannot be read' }]);
  });
});
