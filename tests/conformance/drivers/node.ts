/** The TypeScript client in Node: it keeps the upload's key in a file. */
import { randomUUID } from 'node:crypto';
import { existsSync, openAsBlob, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '../../../packages/client/src/node.ts';
import { shiftClock } from './clock.ts';
import { endOf, refusalOf, watch } from './events.ts';
import { readSettings, say, serve } from './port.ts';
import { createTokens } from './tokens.ts';

const settings = readSettings();
shiftClock(settings.CLOCK_AHEAD_MS);
const keyFile = join(settings.STATE_DIRECTORY, 'key');
const client = createClient({ apiUrl: settings.API_URL, token: createTokens(settings) });
const cancelled = new AbortController();
let id: string | undefined;

async function uploadFile(): Promise<void> {
  if (!existsSync(keyFile)) writeFileSync(keyFile, randomUUID());
  const { onStatus, onProgress } = watch(say);
  try {
    const ended = await client.upload({
      projectId: settings.PROJECT_ID,
      issueId: settings.ISSUE_ID,
      filename: settings.FILENAME,
      contentType: settings.CONTENT_TYPE,
      file: await openAsBlob(settings.FILE),
      idempotencyKey: readFileSync(keyFile, 'utf8'),
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
}

async function cancel(): Promise<void> {
  cancelled.abort();
  if (id !== undefined) await client.cancel(id);
  finish({ event: 'finished', status: 'cancelled' });
}

function finish(event: Parameters<typeof say>[0]): void {
  rmSync(keyFile, { force: true });
  say(event);
}

await serve(['pause', 'cancel', 'clock'], ({ command }) => {
  if (command === 'cancel') void cancel();
  else if (command === 'upload' || existsSync(keyFile)) void uploadFile();
  else say({ event: 'nothing' });
});
process.exit(0);
