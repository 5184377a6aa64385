import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });

/** A write of the record before the fence. */
const progress = z.object({
  Item: z.object({
    status: z.literal('delivering'),
    sendingAt: z.undefined().optional(),
    bytesSent: z.int().positive(),
  }),
});

describe('the progress of a file', () => {
  /** Each piece that goes to IPD takes so long. */
  async function deliverSlowly(msEach: number) {
    const bytes = randomBytes(1_000_000);
    const upload = await world.stage(bytes);
    const recorded: number[] = [];
    const pieces: number[] = [];
    const { documents } = world.connectTable();
    documents.middlewareStack.add(
      (next) => async (args) => {
        const { data } = progress.safeParse(args.input);
        if (data !== undefined) recorded.push(data.Item.bytesSent);
        return next(args);
      },
      { step: 'initialize', name: 'noteProgress' },
    );
    const { delivery } = world.build({
      documents,
      send: async (request) => {
        const { body } = request;
        if (typeof body !== 'function') return world.send(request);
        const slow: typeof body = async (sink, signal) =>
          body((chunk) => {
            world.clock.advance(msEach);
            pieces.push(chunk.length);
            return sink(chunk);
          }, signal);
        return world.send({ ...request, body: slow });
      },
    });
    await delivery.onArrival(world.arrival(upload, bytes), world.run(36_000_000));
    const [, ...ofFile] = pieces.slice(0, -1);
    let sum = 0;
    return { after: await world.find(upload.id), recorded, sums: ofFile.map((length) => (sum += length)) };
  }

  it('is recorded every five seconds', async () => {
    const { after, recorded, sums } = await deliverSlowly(5000);

    expect(after).toMatchObject({ status: 'delivered' });
    expect(recorded).toEqual(sums);
  });

  it('is not recorded more often', async () => {
    const { after, recorded, sums } = await deliverSlowly(2500);

    expect(after).toMatchObject({ status: 'delivered' });
    expect(recorded).toEqual(sums.filter((_sum, index) => index % 2 === 1));
  });
});
