/**
 * What the gateway in front of IPD refuses by itself: too large a body, too many uploads a second.
 * Limits of files and work items are IPD's own and live in `operations.ts`.
 */
import { gatewayRefusal, throttledRefusal, throttledServiceRefusal } from './replies.ts';
import type { Settings } from './settings.ts';
import type { AuthKind, Reply } from './types.ts';

/** The gateway's limits; it remembers the uploads of the last second. */
export function createLimits({ clock }: { clock: () => number }) {
  let recent: number[] = [];

  function rate({ rateLimit }: Settings): Reply | undefined {
    if (rateLimit === null) return undefined;
    const now = clock();
    recent = recent.filter((time) => time > now - 1000);
    if (recent.length >= rateLimit.uploadsPerSecond) {
      return rateLimit.answer === 'gateway'
        ? throttledRefusal(rateLimit.retryAfterSeconds)
        : throttledServiceRefusal();
    }
    recent.push(now);
    return undefined;
  }

  return {
    rate,
    clear: () => {
      recent = [];
    },
  };
}

/** Refuses a body by its declared length, or by what was read of it. */
export function sizeRefusal(
  settings: Settings,
  { auth, bytes }: { auth: AuthKind; bytes: number },
): Reply | undefined {
  const signedLimit = auth === 'aksk' ? settings.maxSignedBodyBytes : null;
  const limit = Math.min(settings.maxBodyBytes ?? Infinity, signedLimit ?? Infinity);
  return bytes > limit ? gatewayRefusal(413, '0201', 'Request entity too large.') : undefined;
}
