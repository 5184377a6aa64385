import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });

describe('a message of the delivery queue', () => {
  it.each(['', '{}', 'null', '{"uploadId":"one","attempt":1}', '{"Records":[{}]}'])(
    'of unknown form is ignored with a warning, and does not come back: %j',
    async (body) => {
      const { lines, telemetry } = collectTelemetry();

      await world.build({ telemetry }).delivery.onMessage(body, world.run());

      expect(lines).toEqual([{ message: 'message of unknown form ignored' }]);
    },
  );

  it('for an unknown upload is ignored with a warning, and does not come back', async () => {
    const request = { uploadId: randomUUID(), attempt: 1 };
    const { lines, telemetry } = collectTelemetry();

    await world.build({ telemetry }).delivery.onMessage(JSON.stringify(request), world.run());

    expect(lines).toEqual([{ message: 'message for an unknown upload ignored', uploadId: request.uploadId }]);
    expect(world.ipd.requests).toEqual([]);
  });

  it('with several events of S3 begins the delivery of each file', async () => {
    const bytes = randomBytes(1000);
    const uploads = [await world.stage(bytes), await world.stage(bytes)];
    const Records = uploads.map((upload) => {
      const { key, etag, size } = world.arrival(upload, bytes);
      return { eventName: 'ObjectCreated:Put', s3: { object: { key, eTag: etag, size } } };
    });

    await world.delivery.onMessage(JSON.stringify({ Records }), world.run());

    for (const { id } of uploads) expect(await world.find(id)).toMatchObject({ status: 'delivered' });
  });
});

describe('a delivery', () => {
  it('logs each step once, and nothing else', async () => {
    const bytes = randomBytes(1000);
    const { lines, telemetry } = collectTelemetry();
    const { delivery } = world.build({ telemetry });

    await delivery.onArrival(world.arrival(await world.stage(bytes), bytes), world.run());

    expect(lines.map(({ message }) => message)).toEqual([
      'upload staged',
      'delivery started',
      'IPD took the file',
      'delivery ended',
    ]);
  });

  it('reads its record once', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const { documents } = world.connectTable();
    const read: unknown[] = [];
    documents.middlewareStack.add(
      (next) => async (args) => {
        if ('Key' in args.input && !('UpdateExpression' in args.input)) read.push(args.input.Key);
        return next(args);
      },
      { step: 'initialize', name: 'noteReads' },
    );

    await world.build({ documents }).delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
    expect(read).toContainEqual({ pk: `upload#${upload.id}` });
    expect(read.filter((key) => JSON.stringify(key).includes(upload.id))).toHaveLength(1);
  });
});
