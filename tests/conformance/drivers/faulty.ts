/**
 * Clients with one fault each, by which the suite shows that it finds it: `faulty.ts FAULT`. They speak to the API
 * themselves, so that each fault is in plain sight; `none` has none.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { readSettings, say, serve } from './port.ts';
import { createTokens } from './tokens.ts';

const FAULTS = [
  'none',
  'another key after a restart',
  'all parts again after a restart',
  'no wait between requests',
  'its token to storage',
  'its state kept',
  'no reason',
  'other bytes',
] as const;

export type Fault = (typeof FAULTS)[number];

const part = z.object({
  number: z.int(),
  offset: z.int(),
  length: z.int(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
});
const upload = z.object({
  id: z.string(),
  status: z.string(),
  staging: z.object({ parts: z.array(part).optional() }),
  attachment: z.object({ id: z.string().nullable() }).nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
const saved = z.object({ key: z.string(), parts: z.array(part) });
const FINAL = new Set(['delivered', 'failed', 'expired', 'cancelled']);

if (process.argv[1] === import.meta.filename) {
  const { hasUpload, uploadFile } = createRun(z.enum(FAULTS).parse(process.argv[2]));
  await serve([], ({ command }) => {
    if (command === 'resume' && !hasUpload()) say({ event: 'nothing' });
    else {
      uploadFile().catch((error: unknown) => {
        console.error(error);
        process.exit(1);
      });
    }
  });
  process.exit(0);
}

function createRun(fault: Fault) {
  const settings = readSettings();
  const tokens = createTokens(settings);
  const state = join(settings.STATE_DIRECTORY, 'upload');

  async function call(method: string, path: string, headers: Record<string, string> = {}, body?: object) {
    const authorization = `Bearer ${await tokens()}`;
    const response = await fetch(`${settings.API_URL}/v1/uploads${path}`, {
      method,
      headers: { ...headers, authorization, 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : null,
    });
    const waitMs = Number(response.headers.get('retry-after') ?? 1) * 1000;
    return { answer: upload.parse(await response.json()), waitMs };
  }

  async function send(one: z.infer<typeof part>, bytes: Buffer<ArrayBuffer>): Promise<void> {
    const body = new Uint8Array(bytes.subarray(one.offset, one.offset + one.length));
    if (fault === 'other bytes') body.fill(0);
    const token = fault === 'its token to storage' ? { authorization: `Bearer ${await tokens()}` } : {};
    const response = await fetch(one.url, { method: 'PUT', headers: { ...one.headers, ...token }, body });
    if (!response.ok) throw new Error(`Storage answered ${response.status}`);
    say({ event: 'staged', part: one.number });
  }

  async function uploadFile(): Promise<void> {
    const bytes = readFileSync(settings.FILE);
    const before = existsSync(state) ? saved.parse(JSON.parse(readFileSync(state, 'utf8'))) : undefined;
    const key = before && fault !== 'another key after a restart' ? before.key : randomUUID();
    const about = {
      projectId: settings.PROJECT_ID,
      issueId: settings.ISSUE_ID,
      filename: settings.FILENAME,
      contentType: settings.CONTENT_TYPE,
      size: bytes.length,
      mode: 'multipart',
    };
    if (!before) writeFileSync(state, JSON.stringify({ key, parts: [] }));
    let { answer } = await call('POST', '', { 'idempotency-key': key }, about);
    say({ event: 'created', id: answer.id });
    const parts =
      before && fault === 'all parts again after a restart' ? before.parts : (answer.staging.parts ?? []);
    writeFileSync(state, JSON.stringify({ key, parts }));
    for (const one of parts) await send(one, bytes);
    ({ answer } = await call('POST', `/${answer.id}/complete`));
    while (!FINAL.has(answer.status)) {
      const read = await call('GET', `/${answer.id}`);
      answer = read.answer;
      if (!FINAL.has(answer.status) && fault !== 'no wait between requests') await delay(read.waitMs);
    }
    if (fault !== 'its state kept') rmSync(state);
    say({
      event: 'finished',
      status: answer.status,
      attachment: answer.attachment?.id ?? null,
      ...(fault !== 'no reason' && answer.error && { error: answer.error }),
    });
  }

  return { hasUpload: () => existsSync(state), uploadFile };
}
