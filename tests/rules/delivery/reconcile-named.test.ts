import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Upload } from '../../../lib/domain/upload.ts';
import type { Telemetry } from '../../../lib/runtime/telemetry.ts';
import { inDoubt, onUpload } from '../../support/doubts.ts';
import { sha256 } from '../../support/sha256.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

/** The list hides all attachments, and the answer to the file names the oldest one. */
const hidden = [
  { match: { operation: 'list' }, fault: { kind: 'emptyResult' } },
  { match: { operation: 'upload' }, count: 1, fault: { kind: 'earlierResult' } },
];

async function idOf(bytes: Buffer): Promise<string | undefined> {
  return (await world.received()).find((file) => file.sha256 === sha256(bytes))?.id;
}

describe('an attachment that the last list did not show, and that the answer names', () => {
  /** Was there before anything was sent: IPD then refuses the file. */
  async function afterBaseline(bytes: Buffer, others: Buffer): Promise<Upload> {
    const upload = await world.stage(bytes);
    await world.attach(upload, others);
    await onUpload(world, { kind: 'iamUnavailable' });
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());
    return world.find(upload.id);
  }

  /** Came while the upload was in doubt, and has other bytes. The next check ends the doubt. */
  async function afterMismatch(bytes: Buffer, others: Buffer): Promise<Upload> {
    const { id } = await inDoubt(world, bytes);
    await world.attach(await world.find(id), others);
    for (let n = 0; n < 3; n += 1) await world.next(id);
    return world.find(id);
  }

  it.each([
    ['was there before anything was sent', afterBaseline, { status: 'waiting' }],
    ['has other bytes', afterMismatch, { status: 'unconfirmed', baseline: [] }],
  ])("is not taken for this upload's when it %s", async (_name, prepare, state) => {
    const [bytes, others] = [randomBytes(1000), randomBytes(1000)];
    const upload = await prepare(bytes, others);
    await world.faults(hidden);

    const accepted = await world.next(upload.id);
    await world.faults([]);
    const after = await world.next(upload.id);

    const other = await idOf(others);
    expect(upload).toMatchObject(state);
    expect([...(upload.baseline ?? []), ...(upload.mismatches ?? [])]).toEqual([other]);
    expect(accepted).toMatchObject({ status: 'unconfirmed', doubt: { accepted: true } });
    expect(after).toMatchObject({ status: 'delivered', attachmentId: await idOf(bytes) });
    expect(await world.received()).toHaveLength(2);
  });
});

describe('an answer that cannot be true', () => {
  it.each([
    ['earlierResult', 'names an attachment that was there before'],
    ['otherSize', 'names an attachment of another size'],
  ])('is reported to an operator with what is wrong in it: %s', async (kind, reason) => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await world.attach(upload, randomBytes(2000));
    await onUpload(world, { kind });
    const reported: string[] = [];
    const telemetry: Telemetry = {
      info: () => undefined,
      warn: () => undefined,
      error: (message, error) => void reported.push(`${message}: ${String(error)}`),
      addMetrics: () => undefined,
    };

    await world.build({ telemetry }).delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(reported).toEqual([`IPD contradicts itself: Error: ${reason}`]);
    expect(await world.find(upload.id)).toMatchObject({ attachmentId: await idOf(bytes) });
  });
});
