/**
 * The URLs of linked files. The secret in a URL is an HMAC over the upload's id and the generation of its link, so no
 * secret is stored, and a function that takes over from a dead one makes the same URL again.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { AppError } from '../domain/errors.ts';
import { generationOf, linkPath } from '../domain/link.ts';
import type { Upload } from '../domain/upload.ts';

export type Addresses = ReturnType<typeof createAddresses>;

/** `key` reads the link key, which is long enough not to be guessed. `publicUrl` is the origin of the download route. */
export function createAddresses({ key, publicUrl }: { key: () => Promise<string>; publicUrl: string }) {
  async function secretOf(upload: Pick<Upload, 'id' | 'linkGeneration'>): Promise<string> {
    const text = await key().catch((cause: unknown) => {
      throw new AppError('unavailable', 'the link key cannot be read', { cause });
    });
    return createHmac('sha256', text)
      .update(`${upload.id}/${generationOf(upload)}`)
      .digest('base64url');
  }

  /** The URL that works now. Throws `unavailable` while the key cannot be read. */
  async function urlOf(upload: Pick<Upload, 'id' | 'linkGeneration'>): Promise<string> {
    return `${publicUrl}${linkPath(upload.id, await secretOf(upload))}`;
  }

  /** Whether this is the secret that works now. Takes as long for every wrong one. Throws `unavailable`, too. */
  async function isSecretOf(upload: Pick<Upload, 'id' | 'linkGeneration'>, text: string): Promise<boolean> {
    const expected = Buffer.from(await secretOf(upload));
    const given = Buffer.from(text);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  return { urlOf, isSecretOf };
}
