/**
 * The limits of the gateway in front of IPD: too large a body, a body of unknown length, too many uploads a second.
 * Limits of files and work items are IPD's own and are in `operations.ts`.
 */
import { gatewayRefusal, throttledRefusal, throttledServiceRefusal } from './replies.ts';
import type { Settings } from './settings.ts';
import type { AuthKind, Reply } from './types.ts';

/** The gateway's limits; it remembers the uploads of the last second, or how full the bucket is. */
export function createLimits({ clock }: { clock: () => number }) {
  let recent: number[] = [];
  let bucket = { left: Infinity, at: 0 };

  function rate({ rateLimit }: Settings): Reply | undefined {
    if (rateLimit === null) return undefined;
    const { uploadsPerSecond, counts } = rateLimit;
    if (counts === 'window' ? fitsWindow(uploadsPerSecond) : fitsBucket(uploadsPerSecond)) return undefined;
    return rateLimit.answer === 'gateway'
      ? throttledRefusal(rateLimit.retryAfterSeconds)
      : throttledServiceRefusal();
  }

  function fitsWindow(uploadsPerSecond: number): boolean {
    const now = clock();
    recent = recent.filter((time) => time > now - 1000);
    if (recent.length >= uploadsPerSecond) return false;
    recent.push(now);
    return true;
  }

  function fitsBucket(uploadsPerSecond: number): boolean {
    const now = clock();
    const filled = bucket.left + ((now - bucket.at) / 1000) * uploadsPerSecond;
    bucket = { left: Math.min(filled, uploadsPerSecond), at: now };
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  return {
    rate,
    clear: () => {
      recent = [];
      bucket = { left: Infinity, at: 0 };
    },
  };
}

/** Refuses a body that is too large, by its declared length or by the bytes that were read. */
export function sizeRefusal(
  settings: Settings,
  { auth, bytes }: { auth: AuthKind; bytes: number },
): Reply | undefined {
  const signedLimit = auth === 'aksk' ? settings.maxSignedBodyBytes : null;
  const limit = Math.min(settings.maxBodyBytes ?? Infinity, signedLimit ?? Infinity);
  return bytes > limit ? gatewayRefusal(413, '0201', 'Request entity too large.') : undefined;
}

/** Refuses a body without a declared length. */
export function lengthRefusal(settings: Settings, { chunked }: { chunked: boolean }): Reply | undefined {
  return settings.refusesChunked && chunked ? gatewayRefusal(411, '0201', 'Length required.') : undefined;
}
