/**
 * `npm run demo`: starts the whole stack on free ports, uploads files through the real handlers,
 * and compares what the fake IPD got with what was sent. Leaves no process and no file behind.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createClient } from '../packages/client/src/node.ts';
import { startStack } from '../local/stack.ts';
import { runCommand } from './command.ts';
import { ANY_WORK_ITEM, mintToken } from './local-stack.ts';
import { createProgress } from './progress.ts';
import { checkLanguage, fill, texts } from './texts.ts';
import { describeError, describeErrorOf, describeOutcome, sendFile } from './transfer.ts';
import type { Transfer } from './transfer.ts';

const SAMPLE = fileURLToPath(new URL('samples/需求说明.txt', import.meta.url));
/** Everything runs on this machine: an upload that takes longer is stuck. */
const PATIENCE_MS = 180_000;

type Stack = Awaited<ReturnType<typeof startStack>>;
type Attachment = z.infer<typeof attachments>[number];
type Options = Exclude<ReturnType<typeof readOptions>, 'help'>;
type Entry = ReturnType<typeof compare>;

const attachments = z.array(z.object({ id: z.string(), sha256: z.string(), filename: z.string() }));

process.exitCode = await runCommand({ usage: texts.usage.demo, read: readOptions, run: demonstrate });

async function demonstrate(options: Options, signal: AbortSignal): Promise<boolean> {
  const { files, json } = options;
  const entries: Entry[] = [];
  try {
    await withStack(async (stack) => {
      for await (const entry of uploadAll(stack, options, signal)) entries.push(entry);
    });
  } catch (error) {
    console.error(fill(texts.demo.failed, { reason: describeError(error) }));
  }
  if (json) console.log(JSON.stringify({ uploads: entries }));
  return entries.filter(isIntact).length === files.length;
}

async function withStack(work: (stack: Stack) => Promise<void>): Promise<void> {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'ipd-attachment-bridge-'));
  try {
    const stack = await startStack({ ports: 'free', dataDirectory });
    try {
      await work(stack);
    } finally {
      await stack.stop();
    }
  } finally {
    await rm(dataDirectory, { recursive: true, force: true });
  }
}

async function* uploadAll(
  { urls }: Stack,
  { files, json }: Options,
  interrupted: AbortSignal,
): AsyncGenerator<Entry> {
  const token = await mintToken(urls.tokenUrl, 'demo');
  const client = createClient({ apiUrl: urls.apiUrl, token, language: texts.language });
  const progress = createProgress(process.stderr);
  for (const path of files) {
    const overdue = new AbortController();
    const seconds = PATIENCE_MS / 1000;
    const words = fill(texts.demo.overdue, { seconds });
    const timer = setTimeout(() => overdue.abort(new Error(words)), PATIENCE_MS);
    const signal = AbortSignal.any([interrupted, overdue.signal]);
    // A file that is named twice is sent twice.
    const about = { client, path, ...ANY_WORK_ITEM, again: true, progress, signal };
    const transfer = await sendFile(about)
      .catch((error: unknown) => {
        throw new Error(describeErrorOf(path, error));
      })
      .finally(() => clearTimeout(timer));
    const received = attachments.parse(await readJson(await fetch(`${urls.ipdAdminUrl}/attachments`)));
    const entry = compare(transfer, received);
    // With --json, standard output is for programs.
    (json ? console.error : console.log)(summary(transfer, entry));
    yield entry;
  }
}

function compare({ upload, sha256, stagedMs, finishedMs }: Transfer, received: Attachment[]) {
  const attachmentId = upload.attachment?.id ?? null;
  const arrived = received.find(({ id }) => id === attachmentId);
  return {
    id: upload.id,
    status: upload.status,
    attachmentId,
    size: upload.size,
    sha256,
    ipdSha256: arrived?.sha256 ?? null,
    ipdName: arrived?.filename ?? null,
    stagedMs,
    deliveredMs: upload.status === 'delivered' ? finishedMs : null,
  };
}

function isIntact({ status, sha256, ipdSha256 }: Entry): boolean {
  return status === 'delivered' && sha256 === ipdSha256;
}

function summary({ upload }: Transfer, entry: Entry): string {
  const { demo } = texts;
  const lines = [
    fill(demo.result, { outcome: describeOutcome(upload) }),
    fill(demo.name, { name: entry.ipdName ?? demo.notFound }),
    fill(isIntact(entry) ? demo.equal : demo.notEqual, { sha256: entry.sha256 }),
  ];
  return lines.map((line) => `  ${line}`).join('\n');
}

async function readJson(response: Response): Promise<unknown> {
  if (!response.ok)
    throw new Error(fill(texts.stack.answered, { url: response.url, status: response.status }));
  return response.json();
}

function readOptions() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      lang: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  checkLanguage(values.lang);
  if (values.help) return 'help';
  return { json: values.json, files: positionals.length > 0 ? positionals : [SAMPLE] };
}
