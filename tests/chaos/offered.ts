/**
 * What producers have offered, for the oracle: every object that they put, how long it stayed and who ended that, and
 * every message that they sent. It reads what storage reports and judges nothing.
 */
import { createHash } from 'node:crypto';
import type { StoredObject } from '../ends/objects.ts';

/** An object from the moment that it was put until it was removed or replaced. */
export type Stay = {
  bucket: string;
  key: string;
  etag: string;
  sha256: string;
  size: number;
  from: number;
  until: number;
  /** Undefined while it is there. */
  endedBy: 'product' | 'producer' | undefined;
  /** The product had asked for the object before it was put, and removed it afterwards: storage cannot tell the two apart. */
  isOvertaken: boolean;
};

/** A message that a producer has sent. */
export type Sent = { at: number; body: string };

export type Offered = ReturnType<typeof createOffered>;

/** Empty; `now` is the world's time. */
export function createOffered(now: () => number) {
  const stays: Stay[] = [];
  const sent: Sent[] = [];
  let isByProducer = false;

  const current = (bucket: string, key: string): Stay | undefined =>
    stays.findLast((stay) => stay.bucket === bucket && stay.key === key && stay.endedBy === undefined);

  function end(bucket: string, key: string): void {
    const stay = current(bucket, key);
    if (stay === undefined) return;
    stay.until = now();
    stay.endedBy = isByProducer ? 'producer' : 'product';
  }

  return {
    stays,
    sent,
    current,
    /** What a producer does now. */
    byProducer<T>(act: () => T): T {
      isByProducer = true;
      try {
        return act();
      } finally {
        isByProducer = false;
      }
    },
    /** Storage has a new object; false where it is the product that put it. */
    put(bucket: string, key: string, { bytes, etag }: StoredObject): boolean {
      end(bucket, key);
      stays.push({
        bucket,
        key,
        etag: etag.replaceAll('"', ''),
        sha256: createHash('sha256').update(bytes).digest('hex'),
        size: bytes.length,
        from: now(),
        until: Infinity,
        endedBy: undefined,
        isOvertaken: false,
      });
      return isByProducer;
    },
    removed: end,
  };
}
