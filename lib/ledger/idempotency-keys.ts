/** Which upload an owner's idempotency key is bound to: one item each, under a hash of both. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { UNLESS_TAKEN } from './ownership.ts';
import type { Table } from './table.ts';
import { toSeconds } from './time-to-live.ts';

export type IdempotencyKeys = ReturnType<typeof createIdempotencyKeys>;

const keyItem = z.object({
  uploadId: z.string(),
  fingerprint: z.string(),
  /** Seconds since the epoch; keys of old have none. */
  expiresAt: z.int().optional(),
});
type KeyBinding = Pick<z.infer<typeof keyItem>, 'uploadId' | 'fingerprint'>;

/** `retentionMs`: how long the record of an upload stays when all is done. */
export function createIdempotencyKeys({
  table: { read, putUnless },
  clock,
  retentionMs,
}: {
  table: Table;
  clock: Clock;
  retentionMs: number;
}) {
  /** What an owner's idempotency key is bound to; nothing once it is over, which is before its upload's record goes. */
  async function findKey(owner: string, key: string): Promise<KeyBinding | undefined> {
    const item = await read(ownerKey(owner, key));
    if (item === undefined) return undefined;
    const { expiresAt = Infinity, ...bound } = keyItem.parse(item);
    return expiresAt <= toSeconds(clock.now()) ? undefined : bound;
  }

  /** Binds an owner's key to an upload, or takes it over from `instead`; answers with what it is bound to then, which may be another's. */
  async function bindKey(
    owner: string,
    key: string,
    { uploadId, fingerprint, instead }: KeyBinding & { instead?: string | undefined },
  ): Promise<KeyBinding> {
    const now = clock.now();
    const taken = await putUnless(
      ownerKey(owner, key),
      { uploadId, fingerprint, expiresAt: toSeconds(now + retentionMs) },
      {
        // DynamoDB takes its time to remove what is over.
        condition: `${UNLESS_TAKEN} OR uploadId = :instead OR expiresAt <= :now`,
        values: { ':mine': uploadId, ':instead': instead ?? uploadId, ':now': toSeconds(now) },
      },
    );
    return taken === undefined ? { uploadId, fingerprint } : bindingOf(keyItem.parse(taken));
  }

  return { findKey, bindKey };
}

function ownerKey(owner: string, key: string): string {
  return `key#${createHash('sha256').update(`${owner}\n${key}`).digest('hex')}`;
}

const bindingOf = ({ uploadId, fingerprint }: KeyBinding): KeyBinding => ({ uploadId, fingerprint });
