/**
 * `npm run demo`: starts the whole stack on free ports, uploads files through the real handlers,
 * and compares what the fake IPD got, or what its link leads to, with what was sent. Leaves no process and no file behind.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createClient } from '../packages/client/src/node.ts';
import type { Upload } from '../packages/client/src/node.ts';
import { startStack } from '../local/stack.ts';
import { runCommand } from './command.ts';
import { ANY_WORK_ITEM, mintToken } from './local-stack.ts';
import { createProgress } from './progress.ts';
import { note, print } from './terminal.ts';
import { checkLanguage, fill, texts } from './texts.ts';
import { describeError, describeErrorOf, describeOutcome, sendFile } from './transfer.ts';
import type { Transfer } from './transfer.ts';

const SAMPLE = fileURLToPath(new URL('samples/需求说明.txt', import.meta.url));
/** Everything runs on this machine: an upload that takes longer is stuck. */
const PATIENCE_MS = 180_000;

type Stack = Awaited<ReturnType<typeof startStack>>;
/** What the work item shows of a file. */
type Arrival = { name: string; sha256: string };
type Options = Exclude<ReturnType<typeof readOptions>, 'help'>;
type Entry = ReturnType<typeof compare>;

const attachments = z.array(z.object({ id: z.string(), sha256: z.string(), filename: z.string() }));
const links = z.array(z.object({ id: z.string(), title: z.string(), url: z.string() }));

process.exitCode = await runCommand({ usage: texts.usage.demo, read: readOptions, run: demonstrate });

async function demonstrate(options: Options, signal: AbortSignal): Promise<boolean> {
  const { files, json } = options;
  const entries: Entry[] = [];
  try {
    await withStack(async (stack) => {
      for await (const entry of uploadAll(stack, options, signal)) entries.push(entry);
    });
  } catch (error) {
    note(fill(texts.demo.failed, { reason: describeError(error) }));
  }
  if (json) print(JSON.stringify({ uploads: entries }));
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
    const entry = compare(transfer, await findArrival(transfer.upload, urls.ipdAdminUrl));
    // With --json, standard output is for programs.
    (json ? note : print)(summary(transfer, entry));
    yield entry;
  }
}

/** The attachment, or the link and the file that it leads to; undefined where IPD has neither. */
async function findArrival({ attachment, link }: Upload, ipdAdminUrl: string): Promise<Arrival | undefined> {
  if (link) {
    const listed = links.parse(await readJson(await fetch(`${ipdAdminUrl}/links`)));
    const found = listed.find(({ id }) => id === link.id);
    return found && { name: found.title, sha256: await hashOf(found.url) };
  }
  const received = attachments.parse(await readJson(await fetch(`${ipdAdminUrl}/attachments`)));
  const found = received.find(({ id }) => id === attachment?.id);
  return found && { name: found.filename, sha256: found.sha256 };
}

async function hashOf(url: string): Promise<string> {
  const { body } = checked(await fetch(url));
  const sha256 = createHash('sha256');
  for await (const chunk of body ?? []) sha256.update(chunk);
  return sha256.digest('hex');
}

function compare({ upload, sha256, stagedMs, finishedMs }: Transfer, arrived: Arrival | undefined) {
  return {
    id: upload.id,
    status: upload.status,
    attachmentId: upload.attachment?.id ?? null,
    link: upload.link,
    size: upload.size,
    sha256,
    ipdSha256: arrived?.sha256 ?? null,
    ipdName: arrived?.name ?? null,
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

function readJson(response: Response): Promise<unknown> {
  return checked(response).json();
}

function checked(response: Response): Response {
  const { ok, url, status } = response;
  if (!ok) throw new Error(fill(texts.stack.answered, { url, status }));
  return response;
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
