import { describe, expect, it } from '@jest/globals';
import { findTooShort } from '../../../lib/runtime/retention.ts';
import { busyDelay, createSlots, fileUntil, giveUpAt, throttleDelay } from '../../../lib/domain/schedule.ts';
import { DAY_MS, HOUR_MS } from '../../../lib/domain/units.ts';

const start = Date.UTC(2026, 0, 2);
const at = (ms: number): string => new Date(ms).toISOString();

describe('the wait after a throttle', () => {
  it('is 2 s, doubled each time up to 2.5 min, and up to as much again', () => {
    const inSeconds = (random: number) =>
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 500].map((throttles) => throttleDelay(throttles, random) / 1000);

    expect(inSeconds(0)).toEqual([2, 4, 8, 16, 32, 64, 128, 150, 150, 150]);
    expect(inSeconds(1)).toEqual([4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  });
});

describe('the end of what waits', () => {
  const settings = {
    UPLOAD_DEADLINE_HOURS: 72,
    RETRY_WINDOW_HOURS: 24,
    FAILED_RETENTION_DAYS: 7,
    OVERSIZE: 'refuse',
    LINKED_FILES_DAYS: 365,
  } as const;
  const policy = {
    uploadDeadlineMs: 72 * HOUR_MS,
    retryWindowMs: 24 * HOUR_MS,
    failedRetentionMs: 7 * DAY_MS,
    commitWindowMs: 0,
    linkedFileMs: 0,
  };

  it('is a window and a retention after the file was staged', () => {
    expect(giveUpAt({ stagedAt: at(start) }, policy)).toBe(start + 8 * DAY_MS);
    expect(giveUpAt({ stagedAt: at(start), storedAt: at(start) }, policy)).toBe(start + 8 * DAY_MS);
  });

  it('of one that was tried again goes by the age of its file', () => {
    const again = { stagedAt: at(start + 14 * DAY_MS), storedAt: at(start) };

    expect(giveUpAt(again, policy)).toBe(start + 15 * DAY_MS);
    expect(fileUntil(again, policy)).toBe(start + 15 * DAY_MS);
  });

  it('comes before the bucket removes the file, with every legal setting', () => {
    // A file may be put as soon as its upload is created, and is seen at the end of the deadline at the latest.
    const seen = start + settings.UPLOAD_DEADLINE_HOURS * HOUR_MS;
    const last = fileUntil({ stagedAt: at(seen) }, policy);
    const least = Math.ceil((last - start) / DAY_MS);

    expect(findTooShort(settings, { STAGED_FILES_EXPIRE_DAYS: String(least) })).toHaveLength(1);
    expect(findTooShort(settings, { STAGED_FILES_EXPIRE_DAYS: String(least + 1) })).toEqual([]);
  });
});

describe('the wait for a work item that another upload occupies', () => {
  it('grows with the age of the upload, from 15 to 30 s up to 5 to 10 min', () => {
    const ages = [0, 60, 240, 3600, 86_400].map((seconds) => seconds * 1000);

    expect(ages.map((age) => busyDelay(age, 0) / 1000)).toEqual([15, 15, 60, 300, 300]);
    expect(ages.map((age) => busyDelay(age, 1) / 1000)).toEqual([30, 30, 120, 600, 600]);
  });
});

describe('the slots of a minute', () => {
  it('are given in order, each once, none before the moment that is asked for', () => {
    const slots = createSlots(3);

    expect([slots.take(30_000), slots.take(0), slots.take(-5000), slots.take(0)]).toEqual([
      40_000,
      0,
      20_000,
      undefined,
    ]);
  });

  it('are none where nothing may be delivered', () => {
    const slots = createSlots(0);

    expect([slots.hasFree(-1000), slots.take(-1000)]).toEqual([false, undefined]);
  });
});
