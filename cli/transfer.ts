/**
 * What `upload`, `demo` and `drop` share: send one file and show its progress, continue a run that died, cancel when
 * interrupted, and describe an error in one line.
 */
import { openLocalFile, UploadError } from '../packages/client/src/node.ts';
import type { Client, Progress, Upload } from '../packages/client/src/node.ts';
import type { WorkItem } from '../lib/domain/upload.ts';
import type { ProgressDisplay } from './progress.ts';
import { catalogue, catalogueFor, fill, formatBytes, formatDay, texts, Trouble } from './texts.ts';
import type { Texts } from './texts/en.ts';

type TransferRequest = WorkItem & {
  client: Client;
  path: string;
  contentType?: string | undefined;
  /** Attaches the file once more if an earlier run has attached it. */
  again?: boolean | undefined;
  progress: ProgressDisplay;
  signal: AbortSignal;
};

/**
 * `stagedMs` and `finishedMs` count from the moment when the file had been hashed. An upload was delivered
 * `before` when an earlier run had attached the file: this one has sent nothing.
 */
export type Transfer = {
  upload: Upload;
  sha256: string;
  before: boolean;
  stagedMs: number;
  finishedMs: number;
};

/** How long a cancel may take once the user has asked to stop. */
const CANCEL_MS = 3_000;

/** Sends one file and follows it to its final state; when the signal is aborted the upload is cancelled too. */
export async function sendFile({
  client,
  path,
  progress,
  signal,
  ...about
}: TransferRequest): Promise<Transfer> {
  const { file, filename, sha256, contentType: guessed } = await openLocalFile(path);
  const { projectId, issueId, contentType = guessed, again } = about;
  let created: Upload | undefined;
  let current: Upload | undefined;
  let stagedMs: number | undefined;
  progress.begin(filename, file.size);
  const startedAt = performance.now();
  const elapsed = () => Math.round(performance.now() - startedAt);
  try {
    const upload = await client.upload({
      projectId,
      issueId,
      filename,
      contentType,
      sha256,
      file,
      again,
      signal,
      onProgress: (moved) => {
        // An earlier run has delivered the file: no bytes are sent.
        if (created?.status === 'delivered') return;
        if (moved.leg === 'staging') {
          stagedMs = elapsed();
          progress.advance(moved);
        } else showDelivery(progress, moved, current?.status);
      },
      onStatus: (changed) => {
        created ??= changed;
        current = changed;
        progress.change(changed);
      },
      onPaused: progress.pause,
    });
    const finishedMs = elapsed();
    const before = created?.status === 'delivered';
    return { upload, sha256, before, stagedMs: stagedMs ?? finishedMs, finishedMs };
  } catch (error) {
    if (!signal.aborted || created === undefined) throw explain(error, { size: file.size, created });
    await cancel(client, created.id, error);
    const reason = describeError(signal.reason);
    throw new Error(fill(texts.trouble.cancelled, { reason }), { cause: error });
  } finally {
    progress.end();
  }
}

/** IPD may still refuse the bytes that were sent, so the bar is full only once the upload is delivered. */
export function showDelivery(
  progress: ProgressDisplay,
  moved: Progress,
  status: Upload['status'] | undefined,
): void {
  if (status === 'failed') return;
  const most = status === 'delivered' ? moved.total : moved.total - 1;
  progress.advance({ ...moved, bytes: Math.max(Math.min(moved.bytes, most), 0) });
}

/** Adds the file's size, or that the same command continues the upload. */
function explain(error: unknown, { size, created }: { size: number; created: Upload | undefined }): unknown {
  if (!(error instanceof UploadError)) return error;
  const reason = describeError(error);
  if (error.code === 'file_too_large') {
    return new Error(fill(texts.trouble.itsSize, { reason, size: formatBytes(size), bytes: size }));
  }
  if (error.code !== 'network' || created === undefined) return error;
  return new Error(fill(texts.trouble.continues, { reason }));
}

async function cancel(client: Client, id: string, reason: unknown): Promise<void> {
  await client.cancel(id, AbortSignal.timeout(CANCEL_MS)).catch(() => {
    throw new Error(fill(texts.trouble.notCancelled, { id }), { cause: reason });
  });
}

/** One line for any error: what failed, the code to branch on, the fields at fault, and the first cause. */
export function describeError(error: unknown, language: Texts = texts): string {
  if (!(error instanceof Error)) return String(error);
  const isRefusal = error instanceof UploadError;
  const places = isRefusal ? placesOf(error, language) : [];
  const cause = firstCause(error);
  const message = isRefusal ? wordsOf(error, language) : messageOf(error, language);
  const isSaid = error.message.includes(cause.message);
  // The places at fault say more than the sentence that points to them.
  const words = places.length > 0 ? places : [message, ...(isSaid ? [] : [messageOf(cause, language)])];
  const reason = words.join(language.separators.clauses);
  return (isRefusal ? fill(language.refused, { reason, code: error.code }) : reason).replaceAll(/\s+/g, ' ');
}

/** The same with the file's path first, which an error of the file itself has already. */
export function describeErrorOf(
  path: string,
  error: unknown,
  describe: (error: unknown) => string = describeError,
): string {
  const [line = '', ...hint] = describe(error).split('\n');
  const isNamed = line.startsWith(`${path}: `);
  return [isNamed ? line : fill(texts.outcome.line, { path, outcome: line }), ...hint].join('\n');
}

/** One line for a final upload. */
export function describeOutcome({ status, attachment, link, error }: Upload): string {
  if (status === 'delivered') {
    if (link) return fill(texts.outcome.linked, { url: link.url, day: formatDay(link.expiresAt) });
    return fill(texts.outcome.delivered, { id: attachment?.id ?? texts.outcome.noId });
  }
  const states: Record<string, string> = catalogue.states;
  const state = states[status] ?? status;
  return error ? fill(texts.outcome.ended, { state, message: error.message, code: error.code }) : state;
}

/** In English the detail says most: it is written for developers, and in English alone. */
function wordsOf({ code, detail, userMessage }: UploadError, { language, codes }: Texts): string {
  return language === 'en' ? detail : (userMessage ?? codes[code] ?? detail);
}

function messageOf(error: Error, language: Texts): string {
  return error instanceof Trouble ? error.phrase(language) : error.message;
}

/** The places at fault and what each must be; in another language, a rule that has no text is left out. */
function placesOf({ code, errors }: UploadError, language: Texts): string[] {
  const isEnglish = language.language === 'en';
  const words = errors.map(({ pointer, detail }) => {
    const place = pointer.replace(/^\//, '');
    const rule = isEnglish ? detail : language.rules[detail];
    return rule === undefined ? place : fill(language.brokenRule, { place, rule });
  });
  if (isEnglish || words.length === 0) return words;
  // Any other problem has a sentence that says more than its places do.
  if (code !== 'invalid_request') return [];
  return [
    `${catalogueFor(language).problems.invalid_request.title}：${words.join(language.separators.members)}`,
  ];
}

function firstCause(error: Error): Error {
  return error.cause instanceof Error ? firstCause(error.cause) : error;
}
