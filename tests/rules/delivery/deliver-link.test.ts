import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { DAY_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import { LARGEST_ATTACHMENT, linking, linksOf, PUBLIC_URL } from '../../support/links.ts';
import { useWorld } from '../../support/use-world.ts';

const COMMIT_WINDOW_MS = 10 * MINUTE_MS;

const world = await useWorld({ environment: linking });

const { shown, isKept } = linksOf(world);
const large = () => randomBytes(LARGEST_ATTACHMENT + 1);

describe('a file that is larger than IPD takes', () => {
  it('ends in one link, and stays in storage', async () => {
    const bytes = large();

    const upload = await world.deliver(bytes, { filename: '施工现场.mp4' });

    const [link, ...more] = await shown();
    expect(more).toEqual([]);
    expect(upload).toMatchObject({
      status: 'delivered',
      asLink: 'too_large',
      attachmentId: null,
      link: { id: link?.id, expiresAt: new Date(world.clock.now() + 365 * DAY_MS).toISOString() },
    });
    expect(link?.url).toMatch(new RegExp(`^${PUBLIC_URL}/v1/files/${upload.id}/[\\w-]{43}$`));
    expect(link?.title).toMatch(/^施工现场\.mp4 \(10 kB, until \d{4}-\d\d-\d\d\)$/);
    expect(await isKept(upload)).toBe(true);
    expect(await world.isStaged(upload.id)).toBe(false);
    expect(await world.received()).toEqual([]);
  });

  it('waits for its scan like any other', async () => {
    const gated = world.build({ config: { requiredScanTag: { name: 'scan', value: 'clean' } } });
    const bytes = large();
    const { id } = await world.stage(bytes);

    await gated.delivery.onArrival(world.arrival(await world.find(id), bytes), world.run());

    expect(await world.find(id)).toMatchObject({ status: 'waiting', lastError: { code: 'scan_pending' } });
    expect(await shown()).toEqual([]);
  });
});

describe('a work item that is full', () => {
  it('gets a link where nothing was sent before', async () => {
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count: 100 } }]);

    const upload = await world.deliver(randomBytes(1000));

    expect(upload).toMatchObject({ status: 'delivered', asLink: 'work_item_full', attachmentId: null });
    expect(await shown()).toHaveLength(1);
    expect(world.uploadRequests()).toEqual([]);
  });

  it('gets none while an attachment is in doubt', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'reset' } }]);
    const { id } = await world.deliver(randomBytes(1000));
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count: 100 } }]);

    world.clock.advance(2 * COMMIT_WINDOW_MS);
    await world.next(id);
    const upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'failed', lastError: { code: 'outcome_unknown' } });
    expect(await shown()).toEqual([]);
  });
});

describe('a file that IPD refuses as too large', () => {
  it('fails where it was sent before: IPD may still show it', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'reset' } }]);
    const { id } = await world.deliver(randomBytes(1000));
    await world.next(id);
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'bodyTooLarge' } }]);
    world.clock.advance(2 * COMMIT_WINDOW_MS);

    const upload = await world.next(id);

    expect(upload).toMatchObject({
      status: 'failed',
      resent: true,
      lastError: { code: 'too_large_for_ipd' },
    });
    expect(await shown()).toEqual([]);
  });

  it('ends in a link', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'bodyTooLarge' } }]);

    const upload = await world.deliver(randomBytes(1000));

    expect(upload).toMatchObject({ status: 'delivered', asLink: 'too_large' });
    expect(await shown()).toHaveLength(1);
    expect(await world.received()).toEqual([]);
  });

  it('goes on to its link while another file of its size is in doubt', async () => {
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'bodyTooLarge' } },
      { match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'throttled', retryAfterSeconds: 3600 } },
      { match: { operation: 'upload' }, fault: { kind: 'reset' } },
    ]);
    const { id } = await world.deliver(randomBytes(1000));
    const other = await world.deliver(randomBytes(1000));

    const before = await world.find(id);
    const after = await world.next(id);

    expect(before).toMatchObject({ status: 'waiting', asLink: 'too_large' });
    expect(other).toMatchObject({ status: 'unconfirmed' });
    expect(after).toMatchObject({ status: 'delivered', link: { id: expect.any(String) } });
  });
});

describe('a file that IPD refuses for another reason', () => {
  it('fails, and gets no link', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);

    const upload = await world.deliver(randomBytes(1000));

    expect(upload).toMatchObject({ status: 'failed', lastError: { code: 'ipd_forbidden' } });
    expect(upload).not.toHaveProperty('asLink');
    expect(await shown()).toEqual([]);
  });
});
