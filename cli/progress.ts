/**
 * Shows an upload's two legs: on a terminal one bar a leg, redrawn in place; anywhere else a plain
 * line each quarter. File names stay off the bars, since some of their letters are two columns wide.
 */
import { styleText } from 'node:util';
import type { WriteStream } from 'node:tty';
import type { Paused, Progress, Upload } from '../packages/client/src/node.ts';
import { isFinal } from '../packages/client/src/predicates.ts';
import { visible } from './terminal.ts';
import { columnsOf, fill, formatBytes, formatNumber, formatShare, formatTime, texts } from './texts.ts';

type Screen = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

const WIDEST_BAR = 40;
const NARROWEST_BAR = 8;
/** What a line needs beside its bar, the last column included: writing there makes some terminals wrap. */
const FIXED_COLUMNS = 44;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const LABEL_COLUMNS = 10;
const REDRAW_MS = 80;
const CLEAR_LINE = '\r\u001B[K';

/** Draws one upload after the other on a screen; `end` leaves the last line standing. */
export function createProgress(screen: Screen, now: () => number = Date.now) {
  let shown: Progress | undefined;
  let note = '';
  let isLinkSaid = false;
  let startedAt = 0;
  let startedFrom = 0;
  let drawnAt = 0;
  let quarter = -1;

  function begin(filename: string, size: number): void {
    note = '';
    isLinkSaid = false;
    screen.write(`${visible(filename)}  ${formatBytes(size)}\n`);
  }

  function advance(progress: Progress): void {
    if (progress.leg !== shown?.leg) {
      end();
      startedAt = now();
      startedFrom = progress.bytes;
      if (progress.leg === 'staging' && progress.bytes > 0)
        screen.write(`  ${fill(texts.progress.resumes, { share: percent(progress) })}\n`);
      drawnAt = 0;
      quarter = -1;
    }
    shown = progress;
    if (screen.isTTY) redraw();
    else report(progress);
  }

  /** Takes the upload from the server; while it waits, a note stands in place of the bar. Says once that it ends as a link. */
  function change(upload: Upload): void {
    wait(describeWait(upload));
    if (isLinkSaid || isFinal(upload) || upload.delivery.endsAs !== 'link') return;
    isLinkSaid = true;
    screen.write(`${screen.isTTY ? CLEAR_LINE : ''}  ${texts.progress.asLink}\n`);
  }

  /** Says what is waited for; an empty note brings the bar back. */
  function wait(words: string): void {
    const before = note;
    note = words;
    if (note && note !== before && !screen.isTTY) screen.write(`  ${note}\n`);
  }

  /** Says at once why nothing goes on; undefined brings the bar back. */
  function pause(paused: Paused | undefined): void {
    const pauses: Record<string, string> = texts.paused;
    wait(paused ? (pauses[paused.reason] ?? texts.paused.no_answer) : '');
    if (!screen.isTTY) return;
    drawnAt = 0;
    if (shown) redraw();
    else if (paused) screen.write(`  ${note}\n`);
  }

  function end(): void {
    if (shown && screen.isTTY) screen.write(`${line(shown)}\n`);
    shown = undefined;
  }

  function redraw(): void {
    if (!shown || now() - drawnAt < REDRAW_MS) return;
    drawnAt = now();
    screen.write(line(shown));
  }

  function report(progress: Progress): void {
    const reached = Math.floor(share(progress) * 4);
    if (reached === quarter) return;
    quarter = reached;
    screen.write(`  ${texts.progress[progress.leg]}  ${percent(progress)}  ${formatBytes(progress.bytes)}\n`);
  }

  function line(progress: Progress): string {
    // A terminal that does not know its size says 0.
    const columns = screen.columns || 80;
    const bar = renderBar({ ...progress, note, startedFrom, elapsedMs: now() - startedAt, columns }, (text) =>
      styleText('cyan', text),
    );
    return `${CLEAR_LINE}${bar}`;
  }

  return { begin, advance, change, wait, pause, end };
}

export type ProgressDisplay = ReturnType<typeof createProgress>;

/** One leg as one line narrower than the terminal: a bar, or the note in its place, and the figures. */
export function renderBar(
  {
    elapsedMs,
    columns,
    startedFrom = 0,
    note = '',
    ...progress
  }: Progress & { elapsedMs: number; columns: number; startedFrom?: number; note?: string },
  paint: (text: string) => string = (text) => text,
): string {
  const width = Math.max(0, Math.min(WIDEST_BAR, columns - FIXED_COLUMNS));
  const bar = note ? fitColumns(note, width) : paint(drawBar(share(progress), width));
  const speed = `${formatBytes(((progress.bytes - startedFrom) * 1000) / Math.max(elapsedMs, 1))}/s`;
  return [
    `  ${fitColumns(texts.progress[progress.leg], LABEL_COLUMNS)}`,
    ...(width < NARROWEST_BAR ? [] : [bar]),
    percent(progress).padStart(5),
    formatBytes(progress.bytes).padStart(8),
    progress.bytes < progress.total
      ? speed
      : fill(texts.progress.took, { seconds: formatNumber(elapsedMs / 1000, 1) }),
  ].join('  ');
}

function drawBar(part: number, width: number): string {
  const eighths = Math.floor(part * width * 8);
  const drawn = '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
  return drawn.padEnd(width, '░');
}

function describeWait({ status, delivery }: Upload): string {
  if (status === 'unconfirmed') return texts.progress.inDoubt;
  if (status !== 'waiting') return '';
  const next = delivery.nextAttemptAt;
  return next === undefined
    ? texts.progress.waiting
    : fill(texts.progress.nextTry, { time: formatTime(next) });
}

function share({ bytes, total }: Progress): number {
  return total === 0 ? 1 : Math.min(1, bytes / total);
}

function percent(progress: Progress): string {
  return formatShare(share(progress));
}

/** Cuts a text or fills it with spaces, so that it takes so many columns of a terminal. */
function fitColumns(text: string, columns: number): string {
  let left = columns;
  let kept = '';
  for (const character of text) {
    const width = columnsOf(character);
    if (width > left) break;
    left -= width;
    kept += character;
  }
  return kept + ' '.repeat(left);
}
