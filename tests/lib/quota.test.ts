import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Caller } from '../../lib/intake.ts';
import { startWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';
import { end, request } from './ways-to-end.ts';

describe('the quota of a user', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ environment: { MAX_OPEN_UPLOADS: '3', UPLOADS_PER_MINUTE: '4' } });
  });
  afterEach(() => world.reset());
  afterAll(() => world.stop());

  const newOwner = (): Caller => ({ owner: randomUUID(), projects: '*' });

  const create = async (owner: Caller, key?: string) => world.intake.create(owner, request, key);

  /** Begins an upload and ends it at once, so that only the rate counts. */
  async function pass(owner: Caller): Promise<void> {
    const { upload } = await create(owner);
    await world.uploads.cancel(owner, upload.id);
  }

  const tooMany = {
    code: 'too_many_open_uploads',
    message: 'you have 3 unfinished uploads; at most 3 are allowed: finish or cancel some',
    retryAfterSeconds: 60,
  };

  it('is full with so many unfinished uploads, and says so', async () => {
    const owner = newOwner();
    for (let index = 0; index < 3; index += 1) await create(owner);

    await expect(create(owner)).rejects.toMatchObject(tooMany);
    await expect(world.intake.checkQuota(owner.owner)).rejects.toMatchObject(tooMany);

    const { views } = await world.uploads.list(owner, { isOpen: true, limit: 10 });
    expect(views).toHaveLength(3);
    expect(await create(newOwner())).toMatchObject({ created: true });
  });

  it('looks at no work item once it is used up, and binds no key', async () => {
    const owner = newOwner();
    for (let index = 0; index < 3; index += 1) await create(owner);
    const asked = world.ipd.requests.length;
    const key = randomUUID();

    await expect(create(owner, key)).rejects.toMatchObject(tooMany);

    expect(world.ipd.requests).toHaveLength(asked);
    expect(await world.ledger.findKey(owner.owner, key)).toBeUndefined();
  });

  it.each(['delivered', 'failed', 'expired', 'cancelled', 'failed in doubt'])(
    'has room again for an upload that is %s',
    async (how) => {
      const owner = newOwner();
      const { upload } = await create(owner);
      for (let index = 0; index < 2; index += 1) await create(owner);

      if (how === 'cancelled') await world.uploads.cancel(owner, upload.id);
      else await end(world, upload, how);

      expect(await create(owner)).toMatchObject({ created: true });
    },
  );

  it.each(['staged', 'delivering', 'waiting', 'unconfirmed'])('counts one that is %s', async (how) => {
    const owner = newOwner();
    const { upload } = await create(owner);
    for (let index = 0; index < 2; index += 1) await create(owner);
    await end(world, upload, how);

    await expect(create(owner)).rejects.toMatchObject(tooMany);
  });

  it('counts no call that an idempotency key leads to an upload that is there', async () => {
    const owner = newOwner();
    const key = randomUUID();
    const { upload } = await create(owner, key);
    for (let index = 0; index < 2; index += 1) await create(owner);

    for (let index = 0; index < 10; index += 1) {
      expect(await create(owner, key)).toMatchObject({ created: false, upload: { id: upload.id } });
    }
  });

  it('is so many uploads a minute, and tells when the next may begin', async () => {
    const owner = newOwner();
    await pass(owner);
    world.clock.advance(10_500);
    for (let index = 0; index < 3; index += 1) await pass(owner);

    await expect(create(owner)).rejects.toMatchObject({
      code: 'rate_limited',
      message: 'you have begun 4 uploads within a minute; at most 4 are allowed',
      retryAfterSeconds: 50,
    });
    world.clock.advance(20_000);
    await expect(create(owner)).rejects.toMatchObject({ code: 'rate_limited', retryAfterSeconds: 30 });
    expect(await create(newOwner())).toMatchObject({ created: true });
  });

  it.each([0, 1, 999])('takes one more as soon as it said (begun %i ms into a second)', async (ms) => {
    const owner = newOwner();
    world.clock.set(Math.ceil(world.clock.now() / 1000) * 1000 + ms);
    for (let index = 0; index < 4; index += 1) await pass(owner);
    await expect(create(owner)).rejects.toMatchObject({ code: 'rate_limited', retryAfterSeconds: 60 });

    world.clock.advance(60_000);

    expect(await create(owner)).toMatchObject({ created: true });
  });

  it('has room for all of a session or for none, and tells when', async () => {
    const { owner } = newOwner();
    for (const _ of Array.from({ length: 3 })) {
      await pass({ owner, projects: '*' });
      world.clock.advance(10_000);
    }

    await expect(world.intake.checkQuota(owner, 1)).resolves.toBeUndefined();
    await expect(world.intake.checkQuota(owner, 3)).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterSeconds: 40,
    });
    world.clock.advance(40_000);
    await expect(world.intake.checkQuota(owner, 3)).resolves.toBeUndefined();
  });

  it('has no room ever for a session of more files than may be unfinished', async () => {
    const { owner } = newOwner();

    await expect(world.intake.checkQuota(owner, 4)).rejects.toMatchObject({
      code: 'invalid_request',
      places: [{ pointer: '/files', detail: 'must name at most 3 files' }],
      retryAfterSeconds: undefined,
    });
  });

  it('says how many a session asks for where only now there is no room', async () => {
    const owner = newOwner();
    await create(owner);

    await expect(world.intake.checkQuota(owner.owner, 3)).rejects.toMatchObject({
      code: 'too_many_open_uploads',
      message:
        'you have 1 unfinished uploads and ask for 3 more; at most 3 are allowed: finish or cancel some',
      retryAfterSeconds: 60,
    });
  });
});
