import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import { cancel } from '../../../lib/domain/lifecycle.ts';
import { withHistory } from '../../../lib/ledger/history.ts';
import { createJournal } from '../../../lib/ledger/journal.ts';
import type { Fields, Telemetry } from '../../../lib/runtime/telemetry.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { after, fresh, iso, legal, MINUTE, moment, policy, start } from '../domain/transition-samples.ts';

const staged = after('stage');
const delivering = after('stage', 'claim');
const waiting = after('stage', 'claim', 'postpone');
const delivered = after('stage', 'claim', 'startSending', 'markDelivered');
const failed = after('stage', 'claim', 'fail');

type Line = Fields & { level: string; message: string };

/** What the journal tells of one write. */
function journalOf(before: Upload, next: Upload | undefined) {
  const lines: Line[] = [];
  let metrics = {};
  const telemetry: Telemetry = {
    info: (message, fields) => void lines.push({ level: 'info', message, ...fields }),
    warn: (message, fields) => void lines.push({ level: 'warn', message, ...fields }),
    error: (message) => void lines.push({ level: 'error', message }),
    addMetrics: (values) => {
      metrics = { ...metrics, ...values };
    },
  };
  createJournal(telemetry)(before, legal(next));
  return { lines, metrics };
}

describe('the journal', () => {
  it('tells once that a file is staged which is not delivered in the same write', () => {
    expect(journalOf(fresh(), staged).lines.map(({ message }) => message)).toEqual(['upload staged']);
  });

  it.each([
    ['warns of', 'an upload that failed', delivering, failed, { level: 'warn', message: 'delivery ended' }],
    [
      'tells of',
      'one that is delivered',
      delivering,
      delivered,
      { level: 'info', message: 'delivery ended' },
    ],
    [
      'tells of',
      'a failed one that IPD has after all',
      failed,
      endings.markDelivered(failed, { attachmentId: '1', ...moment }),
      { level: 'info', message: 'upload delivered', attachmentId: '1' },
    ],
    [
      'tells of',
      'a failed one that is cancelled',
      failed,
      cancel(failed, { now: start }),
      { level: 'info', message: 'upload cancelled' },
    ],
  ])('%s %s', (_how, _what, before, next, line) => {
    expect(journalOf(before, next).lines).toEqual([expect.objectContaining(line)]);
  });

  it('counts once that IPD has a file and shows none, and names no attachment', () => {
    const without = legal(endings.markDelivered(delivering, { attachmentId: null, ...moment }));
    const { lines, metrics } = journalOf(delivering, without);
    const later = journalOf(without, { ...without, dueAt: iso(start) });

    expect(lines.map(({ attachmentId }) => attachmentId)).toEqual([undefined]);
    expect(metrics).toMatchObject({ Delivered: 1, Contradictions: 1 });
    expect(later).toEqual({ lines: [], metrics: {} });
    expect(journalOf(delivering, delivered).metrics).not.toHaveProperty('Contradictions');
  });

  it('counts a link, which has no attachment, and its removal', () => {
    const linking = after('stage', 'claim', 'changeToLink', 'startSending');
    const linked = after('stage', 'claim', 'changeToLink', 'startSending', 'markLinked');
    const removed = legal(cancel(linked, { now: start }));

    const { lines, metrics } = journalOf(linking, linked);

    expect(lines).toMatchObject([{ message: 'delivery ended', status: 'delivered', linkId: '9' }]);
    expect(metrics).toMatchObject({ Delivered: 1, Linked: 1 });
    expect(metrics).not.toHaveProperty('Contradictions');
    expect(journalOf(delivering, delivered).metrics).not.toHaveProperty('Linked');
    expect(journalOf(linked, { ...linked, dueAt: iso(start) }).metrics).toEqual({});
    expect(journalOf(linked, removed)).toMatchObject({
      lines: [{ message: 'linked file removed' }],
      metrics: { Removed: 1 },
    });
    expect(journalOf(delivering, delivered).metrics).not.toHaveProperty('Removed');
  });

  it('counts each further copy once', () => {
    const two = endings.recordDuplicates(delivered, ['2', '3']);
    const three = endings.recordDuplicates(two, ['4']);

    expect(journalOf(delivered, two).metrics).toEqual({ Duplicates: 2 });
    expect(journalOf(two, three).metrics).toEqual({ Duplicates: 1 });
    expect(journalOf(three, { ...three, dueAt: iso(start) }).metrics).toEqual({});
  });
});

describe('the time that an upload was in a state', () => {
  const write = (before: Upload, next: Upload | undefined, at: number): Upload => ({
    ...withHistory(before, legal(next), iso(at)),
    updatedAt: iso(at),
  });
  const begin = (upload: Upload, now: number): Upload =>
    write(
      upload,
      attempts.claim(upload, { attempt: upload.attempts + 1, token: 't', until: now + MINUTE, now }),
      now,
    );
  const durationOf = (before: Upload, next: Upload) => journalOf(before, next).lines.at(-1)?.['durationMs'];

  it('begins with the first of its errors in that state', () => {
    const now = start + 3 * MINUTE;
    const first = write(delivering, waiting, start + MINUTE);
    const pause = { until: now, code: 'ipd_paused', now, policy } as const;
    const second = write(first, attempts.pause(first, pause), now);

    expect(second.history).toHaveLength(2);
    expect(durationOf(second, begin(second, start + 10 * MINUTE))).toBe(9 * MINUTE);
  });

  it('is unknown of a record without a history', () => {
    expect(durationOf(waiting, begin(waiting, start + MINUTE))).toBeUndefined();
  });

  it('is unknown where a version that kept no history made the last change', () => {
    const history = [{ at: iso(start), status: 'delivering', attempt: 1 }];
    const left = { ...waiting, history };

    expect(durationOf(left, begin(left, start + MINUTE))).toBeUndefined();
  });
});
