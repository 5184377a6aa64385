import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { inDoubt, onUpload } from '../../support/doubts.ts';
import { LARGEST_ATTACHMENT, linking, linksOf } from '../../support/links.ts';
import { useUnderWay } from '../../support/under-way.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: { ...linking, PREFLIGHT: 'off' } });
const watched = useUnderWay(world);
const { plant, shown, uproot } = linksOf(world);

const small = () => randomBytes(1000);
const large = () => randomBytes(LARGEST_ATTACHMENT + 1);
const on = (operation: string, kind: string, count = 1) =>
  world.faults([{ match: { operation }, count, fault: { kind } }]);

/** A work item that has an upload of this kind, and what comes next to it. */
type Way = { name: string; begin: () => Promise<Upload>; attempt?: number };

async function recheckDue({ id }: Upload): Promise<Upload> {
  const recheckAt = new Date(world.clock.now()).toISOString();
  const { upload } = await world.ledger.change(id, (before) =>
    before.status === 'delivered' ? { ...before, recheckAt, dueAt: recheckAt } : undefined,
  );
  return upload;
}

async function removed({ id, owner }: Upload): Promise<Upload> {
  return (await world.uploads.cancel({ owner, projects: '*' }, id)).upload;
}

/** An upload that waits in doubt, at the time of its next check. */
async function doubtful(bytes: Buffer, more = {}): Promise<Upload> {
  const upload = await inDoubt(world, bytes, more);
  world.clock.advance(HOUR_MS);
  return upload;
}

const ways: Way[] = [
  {
    name: 'a check that finds other bytes of the same length',
    async begin() {
      const bytes = small();
      const upload = await doubtful(bytes);
      await world.attach(upload, small());
      return upload;
    },
  },
  { name: 'a check that finds nothing', begin: () => doubtful(small()) },
  {
    name: 'a recheck that finds no second copy',
    begin: async () => recheckDue(await world.deliver(small())),
  },
  {
    name: 'a recheck whose list IPD does not give',
    async begin() {
      const upload = await recheckDue(await world.deliver(small()));
      await on('list', 'badGateway', 9);
      return upload;
    },
  },
  {
    name: 'a recheck of links whose list IPD does not give',
    async begin() {
      const upload = await recheckDue(await world.deliver(large()));
      await on('linkList', 'badGateway', 9);
      return upload;
    },
  },
  {
    name: 'a file that IPD throttles',
    async begin() {
      await onUpload(world, { kind: 'throttled', retryAfterSeconds: 60 });
      const upload = await world.deliver(small());
      world.clock.advance(HOUR_MS);
      return upload;
    },
  },
  {
    name: 'a link that IPD refuses',
    async begin() {
      await on('linkList', 'badGateway');
      const upload = await world.deliver(large());
      await on('linkCreate', 'noPermission', 9);
      world.clock.advance(HOUR_MS);
      return upload;
    },
  },
  {
    name: 'a link beside one that leads nowhere',
    async begin() {
      await on('linkList', 'badGateway');
      const upload = await world.deliver(large());
      await plant(upload, `${linking.PUBLIC_URL}/v1/files/${upload.id}/guessed`);
      world.clock.advance(HOUR_MS);
      return upload;
    },
  },
  {
    name: 'a link that is there twice',
    async begin() {
      await world.faults([
        { match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'storedTwice', answer: 'reset' } },
      ]);
      const upload = await world.deliver(large());
      world.clock.advance(HOUR_MS);
      return upload;
    },
  },
  {
    name: 'a link whose copy has gone',
    async begin() {
      await on('linkCreate', 'lostAnswer');
      const upload = await world.deliver(large());
      await world.staging.remove(`linked/${upload.id}`);
      world.clock.advance(HOUR_MS);
      return upload;
    },
  },
  { name: 'the removal of a link', begin: async () => removed(await world.deliver(large())) },
  {
    name: 'the removal of a link whose list IPD refuses',
    async begin() {
      const upload = await removed(await world.deliver(large()));
      await on('linkList', 'noPermission', 9);
      return upload;
    },
  },
  {
    name: 'the removal of a link whose list is cut',
    async begin() {
      const upload = await removed(await world.deliver(large()));
      await plant(upload, 'https://example.com/other');
      await world.ipdSettings({ linksShown: 1 });
      return upload;
    },
  },
  {
    name: 'the recheck of a link that was made anew',
    async begin() {
      const upload = await world.deliver(large());
      const [{ id, url } = { id: '', url: '' }] = await shown();
      await uproot(id);
      await plant(upload, url);
      return recheckDue(upload);
    },
  },
];

describe('a function that has ended has nothing under way', () => {
  it.each(['an attachment', 'a link'])('of a new file that becomes %s', async (kind) => {
    const bytes = kind === 'a link' ? large() : small();
    const upload = await world.stage(bytes);
    const { services, leftBy } = watched();

    const left = await leftBy(services.delivery.onArrival(world.arrival(upload, bytes), world.run()));

    expect(left).toEqual([]);
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it.each(ways)('of $name', async ({ begin }) => {
    const { id, attempts, version } = await begin();
    const { services, leftBy } = watched();

    const left = await leftBy(
      services.delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run()),
    );

    expect(left).toEqual([]);
    expect((await world.find(id)).version).toBeGreaterThan(version);
  });

  it('of a sweep that gives up a check', async () => {
    const upload = await recheckDue(await world.deliver(small()));
    world.clock.advance(90 * 24 * HOUR_MS + MINUTE_MS);
    const { services, leftBy } = watched();

    const left = await leftBy(services.sweep.run(AbortSignal.timeout(60_000)));

    expect(left).toEqual([]);
    expect(await world.find(upload.id)).not.toHaveProperty('recheckAt');
  });
});
