/**
 * A repeatable random source: the same seed gives the same numbers. A fork has a stream of its own, so that one part of
 * a simulation that draws more numbers does not change the numbers of the others.
 */
import { createHash } from 'node:crypto';

export type Random = ReturnType<typeof createRandom>;

/** A random source for a seed. */
export function createRandom(seed: string) {
  const next = sfc32(createHash('sha256').update(seed).digest());

  function int(from: number, to: number): number {
    return from + Math.floor(next() * (to - from + 1));
  }

  return {
    /** At least 0, below 1. */
    random: next,
    chance: (probability: number) => probability > 0 && next() < probability,
    /** An integer between both bounds, inclusive. */
    int,
    /** One of a list that is not empty. */
    pick<const T>(items: readonly T[]): T {
      const item = items[int(0, items.length - 1)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
    /** Predictable for a reader who knows the seed. */
    uuid(): string {
      const hex = Array.from({ length: 4 }, () => int(0, 0xffff_ffff).toString(16).padStart(8, '0')).join('');
      const variant = '89ab'.charAt(int(0, 3));
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
    },
    bytes: (length: number) => Buffer.from(Array.from({ length }, () => int(0, 255))),
    fork: (name: string | number) => createRandom(`${seed}/${name}`),
  };
}

/**
 * The source for runs in which a tape decides: always the middle of a range and the first of a list, and nothing by
 * chance.
 */
export function createConstant(name = 'constant'): Random {
  let uuids = 0;
  return {
    random: () => 0.5,
    chance: () => false,
    int: (from, to) => Math.floor((from + to) / 2),
    pick<const T>(items: readonly T[]): T {
      const [first] = items;
      if (first === undefined) throw new Error('nothing to pick from');
      return first;
    },
    uuid: () => {
      uuids += 1;
      return createRandom(`${name}/${uuids}`).uuid();
    },
    bytes: (length) => createRandom(name).bytes(length),
    fork: (child) => createConstant(`${name}/${child}`),
  };
}

/** Chris Doty-Humphrey's small fast counter: https://pracrand.sourceforge.net/RNG_engines.txt */
function sfc32(key: Buffer): () => number {
  let a = key.readInt32LE(0);
  let b = key.readInt32LE(4);
  let c = key.readInt32LE(8);
  let counter = 1;
  return () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
}
