/**
 * Where a browser gets a linked file: for the secret of its URL, a signed request to storage that lives for a minute.
 * Every other caller learns nothing, also not whether there ever was such a file.
 */
import { AppError } from '../domain/errors.ts';
import { downloadHeaders } from '../domain/link.ts';
import { linkedKey, readUploadId } from '../domain/upload.ts';
import type { In, Upload } from '../domain/upload.ts';
import type { Ledger } from '../ledger/uploads.ts';
import type { Quota } from '../pacing/quota.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Signing } from '../storage/presigning.ts';
import type { Addresses } from '../links/addresses.ts';

const URL_SECONDS = 60;

export function createDownloads(deps: {
  ledger: Ledger;
  signing: Signing;
  quota: Quota;
  /** Undefined while linking is off. */
  addresses: Addresses | undefined;
  clock: Clock;
}) {
  const { ledger, signing, quota, addresses, clock } = deps;

  /** A URL of storage. Throws `not_found`, and `rate_limited` for a file that is fetched too often. */
  async function find(id: string, secret: string): Promise<string> {
    const uploadId = readUploadId(id);
    const upload = uploadId === undefined ? undefined : await ledger.find(uploadId);
    const isAllowed = upload !== undefined && (await addresses?.isSecretOf(upload, secret));
    if (!isAllowed || !isThere(upload)) {
      throw new AppError('not_found', 'there is no file at this address, or not any more');
    }
    await quota.takeDownload(upload.id);
    return signing.getFile({
      key: linkedKey(upload.id),
      ...downloadHeaders(upload),
      expiresInSeconds: URL_SECONDS,
    });
  }

  function isThere(upload: Upload): upload is In<'delivered'> {
    if (upload.status !== 'delivered' || upload.link === undefined) return false;
    return clock.now() < Date.parse(upload.link.expiresAt);
  }

  return { find };
}
