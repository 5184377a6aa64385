import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { MINUTE_MS, SECOND_MS } from '../../../lib/domain/units.ts';
import { useIngest } from '../../support/use-ingest.ts';

const world = await useIngest();
const services = world.build({ ingest: { promptPerMinute: 120 } });

/** Takes a drop; answers with the attempt that is asked for at once, if any. */
async function take({ ingestion } = services): Promise<unknown> {
  const { event, id } = await world.put();
  await ingestion.onMessage(event, randomUUID());
  const [request] = await world.requestsFor(id);
  return request && JSON.parse(request).attempt;
}

/** Sets the clock to the beginning of a minute that nothing was counted in. */
function passMinute(): void {
  world.clock.set(Math.ceil((world.clock.now() + 1) / MINUTE_MS) * MINUTE_MS);
}

describe('deliveries that are asked for at once', () => {
  it('name the first attempt, and the next one of a drop that is put again', async () => {
    passMinute();
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const drop = await world.put();
    await services.ingestion.onMessage(drop.event, randomUUID());
    const [first = ''] = await world.requestsFor(drop.id);
    await services.delivery.onMessage(first, world.run());
    const failed = await world.find(drop.id);

    await world.put(drop.bytes, { key: drop.key });
    await services.ingestion.onMessage(drop.event, randomUUID());
    const [second = ''] = await world.requestsFor(drop.id);
    await services.delivery.onMessage(second, world.run());

    expect(failed).toMatchObject({ status: 'failed', attempts: 1 });
    expect([first, second].map((body) => JSON.parse(body).attempt)).toEqual([1, 2]);
    expect(await world.find(drop.id)).toMatchObject({ status: 'delivered', attempts: 2 });
  });

  it('are spread over the seconds of a minute', async () => {
    passMinute();
    const inSecond = [await take(), await take(), await take()];
    world.clock.advance(SECOND_MS - 1);
    const atItsEnd = await take();
    world.clock.advance(1);
    const inNext = await take();

    expect([...inSecond, atItsEnd, inNext]).toEqual([1, 1, undefined, undefined, 1]);
  });
});

describe('the deliveries of a minute that are asked for at once', () => {
  it('are as many as are set, and each counts once', async () => {
    passMinute();
    const two = world.build({ ingest: { promptPerMinute: 2 } });
    const asked: unknown[] = [];
    for (let second = 0; second < 3; second += 1) {
      asked.push(await take(two));
      world.clock.advance(SECOND_MS);
    }

    expect(asked).toStrictEqual([1, 1, undefined]);
  });
});

describe('a drop that is put again with the same bytes', () => {
  it('while its copy is made is not removed: it is another offer', async () => {
    passMinute();
    const drop = await world.put();
    const watched = world.buildWatched(async ({ name, proceed }) => {
      if (name !== 'CopyObject') return;
      await proceed();
      await world.put(drop.bytes, { key: drop.key });
    });

    await watched.ingestion.onMessage(drop.event, randomUUID());

    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
    expect(await world.exists(drop.key)).toBe(true);
    await world.staging.remove(drop.key);
  });
});
