import { describe, expect, it } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { createProgress, renderBar } from '../../../cli/progress.ts';
import { formatBytes } from '../../../cli/texts.ts';
import type { Upload } from '../../../packages/client/src/node.ts';

const half = { leg: 'staging', bytes: 5_000_000, total: 10_000_000, elapsedMs: 2_000 } as const;

const upload: Upload = {
  id: 'u',
  status: 'waiting',
  projectId: 'p',
  issueId: 'i',
  filename: '需求.png',
  contentType: 'image/png',
  size: 10,
  createdAt: '',
  updatedAt: '',
  uploadDeadline: '',
  staging: { mode: 'single', bytesStored: 10 },
  delivery: { endsAs: 'attachment', attempts: 1, bytesSent: 0 },
  attachment: null,
  link: null,
  error: null,
};

function screen({ isTTY }: { isTTY: boolean }) {
  const stream = new PassThrough();
  let time = 0;
  const progress = createProgress(Object.assign(stream, { isTTY, columns: 60 }), () => (time += 100));
  return { progress, read: () => stripVTControlCharacters(String(stream.read() ?? '')) };
}

describe('renderBar', () => {
  it('shows the part that is done, the bytes and the speed', () => {
    expect(renderBar({ ...half, columns: 64 })).toBe(
      '  to storage  ██████████░░░░░░░░░░    50%    5.0 MB  2.5 MB/s',
    );
  });

  it('counts in the speed only what was sent since it began', () => {
    expect(renderBar({ ...half, startedFrom: 4_000_000, columns: 64 })).toContain(
      '50%    5.0 MB  500.0 kB/s',
    );
  });

  it('draws eighths of a column', () => {
    const line = renderBar({ leg: 'delivery', bytes: 3, total: 160, elapsedMs: 1_000, columns: 64 });

    expect(line).toContain('  to IPD      ▍░░░░░░░░░░░░░░░░░░░  ');
  });

  it('shows how long a finished leg took', () => {
    expect(renderBar({ ...half, bytes: half.total, columns: 64 })).toContain('█   100%   10.0 MB  in 2.0 s');
  });

  it('never says 100 % before the last byte', () => {
    expect(renderBar({ ...half, bytes: half.total - 1, columns: 80 })).toContain('99%');
  });

  it('puts a note where the bar would be', () => {
    expect(renderBar({ ...half, columns: 64, note: 'next try at 12:00:00' })).toContain(
      '  next try at 12:00:00    50%',
    );
  });

  it.each([20, 51, 52, 60, 80, 300])(
    'keeps the same width for every content, below %d columns if a bar fits',
    (columns) => {
      const bars = [0, 1, 33_333, 9_999_999].map((bytes) =>
        renderBar({ ...half, bytes, elapsedMs: 1_000, columns, note: bytes === 1 ? 'x'.repeat(99) : '' }),
      );

      const starts = bars.map((bar) => bar.indexOf('%'));
      expect(new Set(starts).size).toBe(1);
      expect(Math.max(...bars.map((bar) => bar.length))).toBeLessThan(Math.max(columns, 43));
    },
  );
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_951, '1.0 MB'],
    [52_428_800, '52.4 MB'],
    [5_000_000_000_000, '5.0 TB'],
    [5_000_000_000_000_000, '5,000.0 TB'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('createProgress', () => {
  it('redraws one line a leg in place on a terminal and leaves the last state standing', () => {
    const { progress, read } = screen({ isTTY: true });

    progress.begin('需求.png', 10);
    progress.advance({ leg: 'staging', bytes: 0, total: 10 });
    progress.advance({ leg: 'staging', bytes: 10, total: 10 });
    progress.advance({ leg: 'delivery', bytes: 10, total: 10 });
    progress.end();

    const [name, staging, delivery, rest] = read().split('\n');
    expect(name).toBe('需求.png  10 B');
    expect(staging?.split('\r').at(-1)).toMatch(/^ {2}to storage {2}█+ {3}100% {6}10 B {2}in 0\.\d s$/);
    expect(staging?.split('\r')).toHaveLength(4);
    expect(delivery?.split('\r').at(-1)).toMatch(/^ {2}to IPD {6}█+ {3}100%/);
    expect(rest).toBe('');
  });

  it('writes a plain line each quarter when piped, and no control characters', () => {
    const stream = new PassThrough();
    const progress = createProgress(stream);

    progress.begin('需求.png', 1_000);
    for (let bytes = 0; bytes <= 1_000; bytes += 10)
      progress.advance({ leg: 'staging', bytes, total: 1_000 });
    progress.advance({ leg: 'delivery', bytes: 1_000, total: 1_000 });
    progress.end();

    expect(String(stream.read()).split('\n')).toEqual([
      '需求.png  1.0 kB',
      '  to storage  0%  0 B',
      '  to storage  25%  250 B',
      '  to storage  50%  500 B',
      '  to storage  75%  750 B',
      '  to storage  100%  1.0 kB',
      '  to IPD  100%  1.0 kB',
      '',
    ]);
  });

  it.each([true, false])('says where it goes on, on a terminal: %s', (isTTY) => {
    const { progress, read } = screen({ isTTY });

    progress.advance({ leg: 'staging', bytes: 6, total: 10 });
    progress.advance({ leg: 'staging', bytes: 10, total: 10 });
    progress.advance({ leg: 'delivery', bytes: 5, total: 10 });

    expect(read().match(/.*resumes.*/g)).toEqual(['  resumes at 60%']);
  });

  it('says once what it waits for', () => {
    const { progress, read } = screen({ isTTY: false });

    progress.change(upload);
    progress.change(upload);
    progress.change({
      ...upload,
      delivery: { ...upload.delivery, nextAttemptAt: '2026-01-02T03:04:05.000Z' },
    });
    progress.change({ ...upload, status: 'unconfirmed' });
    progress.change({ ...upload, status: 'delivering' });

    expect(read().split('\n')).toEqual([
      '  waiting for IPD',
      expect.stringMatching(/^ {2}next try at \d\d:04:05$/),
      '  in doubt; IPD is checked (minutes)',
      '',
    ]);
  });

  it.each([true, false])(
    'says once, before anything is sent, that a file ends as a link, on a terminal: %s',
    (isTTY) => {
      const { progress, read } = screen({ isTTY });
      const awaited: Upload = {
        ...upload,
        status: 'awaiting_upload',
        delivery: { endsAs: 'link', attempts: 0, bytesSent: 0 },
      };

      progress.begin('需求.png', 10);
      progress.change(awaited);
      progress.change(awaited);
      progress.change({ ...awaited, status: 'delivered' });

      expect(read().replaceAll('\r', '').split('\n')).toEqual([
        '需求.png  10 B',
        '  cannot be an attachment; the work item gets a link to it',
        '',
      ]);
    },
  );

  it('does not say of a file that was linked before that it ends as a link', () => {
    const { progress, read } = screen({ isTTY: false });

    progress.change({
      ...upload,
      status: 'delivered',
      delivery: { endsAs: 'link', attempts: 1, bytesSent: 10 },
    });

    expect(read()).toBe('');
  });
});
