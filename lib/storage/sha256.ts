/** SHA-256, and with a secret HMAC-SHA-256, by node:crypto; a class, since the SDK's signers call it with `new`. */
import { createHash, createHmac, createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

type Secret = string | ArrayBuffer | ArrayBufferView;

/** The signers keep the key of the day as bytes. An HMAC takes 13 µs with bytes, 1.5 µs with a key object. */
const keyObjects = new WeakMap<object, KeyObject>();

export class Sha256 {
  readonly #hash;

  constructor(secret?: Secret) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', keyOf(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function keyOf(secret: Secret): string | KeyObject {
  if (typeof secret === 'string') return secret;
  const made = keyObjects.get(secret);
  if (made !== undefined) return made;
  const key = createSecretKey(bytesOf(secret));
  keyObjects.set(secret, key);
  return key;
}

function bytesOf(secret: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!ArrayBuffer.isView(secret)) return new Uint8Array(secret);
  return new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength);
}
