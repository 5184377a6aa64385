import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { DAY_MS } from '../../../lib/domain/units.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { LARGEST_ATTACHMENT, linking, linksOf } from '../../support/links.ts';
import { useMeanwhile } from '../../support/meanwhile.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { caller } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });
const servicesWhere = useMeanwhile(world);
const { isKept } = linksOf(world);

const linked = (): Promise<Upload> => world.deliver(randomBytes(LARGEST_ATTACHMENT + 1));
const run = ({ sweep }: Pick<typeof world, 'sweep'> = world) => sweep.run(AbortSignal.timeout(60_000));

describe('a link that could not be checked for a whole retry window', () => {
  it('is reported; of one that was removed, the file goes all the same', async () => {
    const { id } = await linked();
    const { upload } = await world.uploads.cancel(caller, id);
    world.clock.advance(2 * DAY_MS);
    const { lines, measured, telemetry } = collectTelemetry();

    await run(world.build({ telemetry }));

    const after = await world.find(id);
    expect(after).toMatchObject({ status: 'removed', isLinkedFileRemoved: true });
    expect(after).not.toHaveProperty('recheckAt');
    expect(after).not.toHaveProperty('dueAt');
    expect(after).not.toHaveProperty('notification');
    expect(await isKept(upload)).toBe(false);
    expect(lines).toContainEqual({ message: 'links cannot be checked', uploadId: id });
    expect(measured).toContainEqual({ LinksNotDeleted: 1 });
  });

  it('stays due while its file cannot be removed', async () => {
    const { id } = await linked();
    const { upload } = await world.uploads.cancel(caller, id);
    world.clock.advance(2 * DAY_MS);
    const failing = servicesWhere({ before: DeleteObjectCommand }, async () => {
      throw new Error('storage is out');
    });

    await run(failing);

    const left = await world.find(id);
    expect(left).toMatchObject({ recheckAt: upload.status === 'removed' ? upload.recheckAt : '' });
    expect(left).not.toHaveProperty('isLinkedFileRemoved');
  });

  it('keeps the file that a delivered link leads to', async () => {
    const { id } = await linked();
    const recheckAt = new Date(world.clock.now()).toISOString();
    const { upload } = await world.ledger.change(id, (before) =>
      before.status === 'delivered' ? { ...before, recheckAt, dueAt: recheckAt } : undefined,
    );
    world.clock.advance(2 * DAY_MS);
    const { measured, telemetry } = collectTelemetry();

    await run(world.build({ telemetry }));

    const after = await world.find(id);
    expect(after).toMatchObject({
      status: 'delivered',
      dueAt: upload.status === 'delivered' ? upload.link?.expiresAt : '',
    });
    expect(after).not.toHaveProperty('recheckAt');
    expect(await isKept(upload)).toBe(true);
    expect(measured).toContainEqual({ LinksNotDeleted: 1 });
  });
});

describe('a link whose time is over', () => {
  it('is removed, and its links are to be deleted next', async () => {
    const upload = await linked();
    const end = upload.status === 'delivered' ? (upload.link?.expiresAt ?? '') : '';
    expect(upload.dueAt).toBe(end);
    world.clock.set(Date.parse(end));

    await run();

    expect(await world.find(upload.id)).toMatchObject({
      status: 'removed',
      removal: { at: end, by: 'expiry' },
      recheckAt: end,
    });
  });
});
