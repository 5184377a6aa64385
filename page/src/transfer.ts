/**
 * One file on its way, and what the list shows of it: one state, one share over both legs, one explanation, and what a
 * person can do. Pure.
 */
import type { UploadError, Upload } from '../../packages/client/src/client.ts';
import { dayInWords, sizeInWords, timeInWords } from './format.ts';
import { fill, sentences, texts, wordsFor } from './texts.ts';

export type Transfer = {
  name: string;
  /** Undefined for a file that another program announced without a size. */
  size: number | undefined;
  /** Undefined for one that was begun before the page was loaded. */
  file?: File | undefined;
  /** Larger than IPD takes, by what the page has read; an answer of the API says it better. */
  isLarge?: boolean | undefined;
  /** Undefined until the API has answered. */
  upload?: Upload | undefined;
  /** What this page does for it now. */
  activity: 'queued' | 'running' | 'cancelling' | 'withdrawing' | 'none';
  /** What storage and IPD have of it. */
  staged: number;
  passedOn: number;
  /** Why nothing goes on at the moment. */
  pausedBy?: string | undefined;
  /** Why this page gave up; of a linked file, why it could not be removed. */
  trouble?: UploadError | undefined;
  /** It was attached before this page sent it; IPD may have removed it since. */
  replay?: 'there' | 'gone' | undefined;
};

export type Tone = 'active' | 'paused' | 'done' | 'failed' | 'quiet';
export type Action = 'cancel' | 'retry' | 'again' | 'pick' | 'withdraw' | 'remove';

export type View = {
  tone: Tone;
  state: string;
  note: string;
  /** From 0 to 1 over both legs; undefined where no bar belongs. */
  share: number | undefined;
  actions: Action[];
  /** Where the file can be read. */
  url?: string | undefined;
};

const CANCELLABLE = new Set(['awaiting_upload', 'staged', 'waiting']);
/** The stored copy is not the file, or is gone: the same key begins a new upload. */
const CURED_BY_FILE = new Set([
  'size_mismatch',
  'checksum_mismatch',
  'staged_file_missing',
  'staged_file_changed',
]);

/** What the list shows of a file at that moment. */
export function viewOf(transfer: Transfer, now: number): View {
  const { activity, trouble, upload } = transfer;
  if (activity === 'cancelling') return view('quiet', texts.state.cancelling);
  if (activity === 'withdrawing') return view('quiet', texts.state.withdrawing);
  if (trouble !== undefined && !upload?.link) return ofTrouble(transfer, trouble);
  if (upload === undefined) return ofUnannounced(transfer);
  switch (upload.status) {
    case 'awaiting_upload':
      return activity === 'none' ? ofUnfinished(transfer) : ofUploading(transfer);
    case 'delivered':
      return ofDelivered(transfer, upload, now);
    case 'failed':
      return ofFailed(transfer, upload);
    case 'expired':
      return view('failed', texts.state.expired, texts.note.expired, ['pick', 'remove']);
    case 'cancelled':
      return view('quiet', texts.state.cancelled, '', ['remove']);
    case 'removed':
      return view('quiet', texts.state.removed, noteOfRemoval(upload), ['remove']);
    default:
      return ofPassing(transfer, upload, now);
  }
}

/** Whether the file would be lost if the page were closed now. */
export function needsPage({ activity, upload }: Transfer): boolean {
  return activity !== 'none' && (upload === undefined || upload.status === 'awaiting_upload');
}

function view(tone: Tone, state: string, note = '', actions: Action[] = [], share?: number): View {
  return { tone, state, note, actions, share };
}

function ofUnannounced(transfer: Transfer): View {
  const { activity, pausedBy } = transfer;
  if (pausedBy !== undefined) return ofPaused(0, pausedBy, ['cancel']);
  const state = activity === 'queued' ? texts.state.queued : texts.state.starting;
  return view('active', state, noteOfEnd(transfer), ['cancel'], 0);
}

function ofUploading(transfer: Transfer): View {
  const { activity, size, pausedBy } = transfer;
  const share = shareOf(transfer);
  const note = noteOfEnd(transfer);
  if (activity === 'queued') return view('active', texts.state.queued, note, ['cancel'], share);
  if (pausedBy !== undefined) return ofPaused(share, pausedBy, ['cancel']);
  const state = fill(texts.state.uploading, { size: sizeInWords(size ?? 0) });
  return view('active', state, note, ['cancel'], share);
}

function ofUnfinished(transfer: Transfer): View {
  const { size, upload } = transfer;
  const stored = upload?.staging.bytesStored ?? 0;
  const note =
    stored === 0 || size === undefined
      ? texts.note.pickFirst
      : fill(texts.note.pickAgain, { done: sizeInWords(stored), size: sizeInWords(size) });
  return view('paused', texts.state.unfinished, note, ['pick', 'cancel'], shareOf(transfer));
}

function ofPassing(transfer: Transfer, { status, delivery, error }: Upload, now: number): View {
  const share = shareOf(transfer);
  const actions: Action[] = CANCELLABLE.has(status) ? ['cancel'] : [];
  const reason = error === null ? '' : wordsFor(error.code, error.message);
  if (transfer.pausedBy !== undefined) return ofPaused(share, transfer.pausedBy, actions);
  switch (status) {
    case 'waiting': {
      const next = delivery.nextAttemptAt;
      const state =
        next === undefined ? texts.state.stored : fill(texts.state.waiting, { time: timeInWords(next, now) });
      return view('paused', state, sentences(reason, texts.note.mayClose), actions, share);
    }
    case 'unconfirmed':
      return view('active', texts.state.checking, texts.note.mayClose, actions, share);
    case 'delivering':
      return view('active', texts.state.passing, texts.note.mayClose, actions, share);
    default:
      return view('active', texts.state.stored, texts.note.mayClose, actions, share);
  }
}

function ofPaused(share: number, reason: string, actions: Action[]): View {
  const states: Record<string, string> = texts.paused;
  const state = states[reason] ?? texts.paused.no_answer;
  // While the browser is offline, the page says so once for all files.
  const note = reason === 'offline' ? '' : texts.note.byItself;
  return view('paused', state, note, actions, share);
}

function ofDelivered({ replay, file, trouble }: Transfer, { updatedAt, link }: Upload, now: number): View {
  const again: Action[] = file === undefined ? [] : ['again'];
  const time = timeInWords(updatedAt, now);
  if (replay === 'gone') return view('failed', texts.state.gone, texts.note.gone, [...again, 'remove']);
  if (link) {
    const until = fill(texts.note.linkedUntil, { day: dayInWords(link.expiresAt) });
    const note = trouble === undefined ? until : fill(texts.note.notRemoved, { reason: wordsOf(trouble) });
    const words = replay === undefined ? texts.state.linkedAt : texts.state.linkedBefore;
    const actions: Action[] = replay === undefined ? ['withdraw'] : [...again, 'withdraw'];
    return { ...view('done', fill(words, { time }), note, actions), url: link.url };
  }
  if (replay === 'there') return view('done', fill(texts.state.before, { time }), texts.note.before, again);
  return view('done', fill(texts.state.deliveredAt, { time }));
}

function ofFailed({ file }: Transfer, { error }: Upload): View {
  if (error === null) return view('failed', texts.state.failed, '', ['remove']);
  const { code, message, retryable } = error;
  const state = code === 'outcome_unknown' ? texts.state.unknown : texts.state.failed;
  const cure: Action = file === undefined ? 'pick' : 'retry';
  const actions: Action[] = retryable ? ['retry'] : CURED_BY_FILE.has(code) ? [cure] : [];
  return view('failed', state, wordsFor(code, message), [...actions, 'remove']);
}

function ofTrouble({ name, file }: Transfer, trouble: UploadError): View {
  const { code, retryable } = trouble;
  const note = fill(wordsOf(trouble), { name });
  const needsFile = code === 'file_unreadable' || code === 'file_differs' || file === undefined;
  const isRefused = code === 'file_too_large' || code === 'file_empty';
  const actions: Action[] = isRefused ? [] : needsFile && !retryable ? ['pick'] : ['retry'];
  return view('failed', texts.state.failed, note, [...actions, 'remove']);
}

function wordsOf({ code, detail, userMessage }: UploadError): string {
  return wordsFor(code, userMessage ?? detail);
}

/** Said before the file is sent: IPD gets a link to it. */
function noteOfEnd({ isLarge = false, upload }: Transfer): string {
  const isLink = upload === undefined ? isLarge : upload.delivery.endsAs === 'link';
  return isLink ? texts.note.asLink : '';
}

function noteOfRemoval({ removal }: Upload): string {
  return removal?.by === 'expiry' ? texts.note.linkEnded : '';
}

/** Both legs carry every byte once. */
function shareOf({ size, staged, passedOn, upload }: Transfer): number {
  if (size === undefined || size === 0) return 0;
  const isStaged = upload !== undefined && upload.status !== 'awaiting_upload';
  const done = (isStaged ? size : Math.min(staged, size)) + Math.min(passedOn, size);
  return done / (2 * size);
}
