/**
 * The TypeScript client in a page, as `chromium.ts` serves and drives it: localStorage says that there is an upload, and
 * the client recognises the file by its time of change, so it needs no key.
 */
import { createClient } from '../../../packages/client/src/client.ts';
import type { UploadRequest } from '../../../packages/client/src/client.ts';
import type { ClientEvent } from '../protocol.ts';
import { shiftClock } from './clock.ts';
import { endOf, refusalOf, watch } from './events.ts';
import type { Settings } from './port.ts';
import { createTokens } from './tokens.ts';

type Picker = { files: [UploadRequest['file']] };

declare const say: (event: ClientEvent) => void;
declare const document: { querySelector(selector: 'input'): Picker };
declare const localStorage: {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
};

const NOTE = 'upload';

/** What the driver calls. */
export function open(settings: Settings) {
  shiftClock(settings.CLOCK_AHEAD_MS);
  const client = createClient({ apiUrl: settings.API_URL, token: createTokens(settings) });
  const cancelled = new AbortController();
  let id: string | undefined;

  function finish(event: ClientEvent): void {
    localStorage.removeItem(NOTE);
    say(event);
  }

  return {
    hasUpload: () => localStorage.getItem(NOTE) !== null,
    left: () => Object.keys(localStorage),

    async upload(): Promise<void> {
      localStorage.setItem(NOTE, 'begun');
      const { onStatus, onProgress } = watch(say);
      try {
        const ended = await client.upload({
          projectId: settings.PROJECT_ID,
          issueId: settings.ISSUE_ID,
          filename: settings.FILENAME,
          contentType: settings.CONTENT_TYPE,
          file: document.querySelector('input').files[0],
          signal: cancelled.signal,
          onStatus(upload) {
            id = upload.id;
            onStatus(upload);
          },
          onProgress,
          onPaused: (paused) => say({ event: 'paused', reason: paused?.reason ?? null }),
        });
        finish(endOf(ended));
      } catch (error) {
        if (!cancelled.signal.aborted) finish(refusalOf(error));
      }
    },

    async cancel(): Promise<void> {
      cancelled.abort();
      if (id !== undefined) await client.cancel(id);
      finish({ event: 'finished', status: 'cancelled' });
    },
  };
}
