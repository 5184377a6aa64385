/** packages/expo as a driver of the conformance suite, on a phone over real files and real HTTP. */
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { createUploads } from '../../../packages/expo/src/uploads.ts';
import type { Change, Outcome } from '../../../packages/expo/src/uploads.ts';
import { createPhone } from '../../support/phone.ts';

const settings = z
  .object({
    API_URL: z.string(),
    TOKEN_URL: z.string(),
    FILE: z.string(),
    FILENAME: z.string(),
    CONTENT_TYPE: z.string(),
    PROJECT_ID: z.string(),
    ISSUE_ID: z.string(),
    STATE_DIRECTORY: z.string(),
  })
  .parse(process.env);
const tokenAnswer = z.object({ token: z.string() });
const command = z.object({ command: z.string() });
const { platform, store } = createPhone(settings.STATE_DIRECTORY).launch();
const uploads = createUploads({ apiUrl: settings.API_URL, token, platform, store, onChange: hear });

let kept: string | undefined;
let id: string | undefined;
let status: string | undefined;
let isPaused = false;

/** Kept until the API refuses it, as an app does that cannot trust its clock. */
async function token(refused?: string): Promise<string> {
  if (kept === undefined || kept === refused) {
    kept = tokenAnswer.parse(await (await fetch(settings.TOKEN_URL)).json()).token;
  }
  return kept;
}

function say(event: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function hear(change: Change): void {
  if (change.kind === 'paused') {
    isPaused = true;
    say({ event: 'paused', reason: change.detail });
    return;
  }
  if (isPaused) say({ event: 'paused', reason: null });
  isPaused = false;
  if (change.kind === 'status') {
    const { upload } = change;
    if (id !== upload.id) say({ event: 'created', id: upload.id });
    if (status !== upload.status) say({ event: 'status', status: upload.status });
    ({ id, status } = upload);
  }
  if (change.kind === 'ended') void finish(change.key, change.outcome);
}

async function finish(key: string, outcome: Outcome): Promise<void> {
  await uploads.forget(key);
  say({ event: 'finished', ...endOf(outcome) });
}

function endOf(outcome: Outcome) {
  switch (outcome.kind) {
    case 'cancelled':
      return { status: 'cancelled' };
    case 'refused':
      return { status: 'refused', error: { code: outcome.code, message: outcome.detail } };
    case 'ended': {
      const { status: end, attachment, error } = outcome.upload;
      return {
        status: end,
        attachment: attachment?.id ?? null,
        error: error && { code: error.code, message: error.message },
      };
    }
  }
}

async function obey(asked: string): Promise<void> {
  const [job] = await uploads.list();
  if (asked === 'upload') {
    await uploads.start({
      uri: pathToFileURL(settings.FILE).href,
      projectId: settings.PROJECT_ID,
      issueId: settings.ISSUE_ID,
      filename: settings.FILENAME,
      contentType: settings.CONTENT_TYPE,
    });
  } else if (asked === 'cancel') {
    // Refused when it is too late: then it goes on to its end.
    if (job) await uploads.cancel(job.key).catch(() => undefined);
  } else {
    await uploads.resumeAll();
    if (job?.outcome) await finish(job.key, job.outcome);
    if (!job) say({ event: 'nothing' });
  }
}

say({ event: 'started', can: ['pause', 'cancel'] });
for await (const line of createInterface({ input: process.stdin })) {
  const asked = command.parse(JSON.parse(line)).command;
  if (asked === 'exit') break;
  void obey(asked);
}
process.exit(0);
