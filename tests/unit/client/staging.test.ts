import { describe, expect, it } from '@jest/globals';
import { UploadError } from '../../../packages/client/src/errors.ts';
import type { Answer } from '../../../packages/client/src/errors.ts';
import type { PutRequest } from '../../../packages/client/src/put.ts';
import { createPatience } from '../../../packages/client/src/retry.ts';
import { stage } from '../../../packages/client/src/staging.ts';
import type { Upload } from '../../../packages/client/src/types.ts';
import { withQuickWaits } from '../../support/quick-waits.ts';

const timing = { attempts: 3, firstDelayMs: 10_000, longestDelayMs: 40_000, pollMs: 1, stallMs: 99_000 };
const file = new Blob(['abcdef']);
const stored: Answer = { status: 200, text: '' };
const busy: Answer = { status: 503, text: '' };
const expired: Answer = { status: 403, text: '<Code>AccessDenied</Code> Request has expired' };
const failure = (code: string, status: number, retryable = false) =>
  new UploadError({ code, status, retryable, detail: code });

const whole = { method: 'PUT', url: 'https://s3.example.com/whole', headers: {} };
const partsOf = (generation: number) =>
  [1, 2].map((number) => ({
    number,
    offset: (number - 1) * 3,
    length: 3,
    method: 'PUT',
    url: `https://s3.example.com/${number}?generation=${generation}`,
    headers: {},
  }));

function uploadWith(staging: object): Upload {
  const fixed = { status: 'awaiting_upload', size: file.size };
  return Object.assign(Object.create(null), fixed, { staging });
}

type Script = {
  /** What storage answers, one after the other; then that it has stored the part. */
  answers?: Answer[];
  /** What the API answers to a request for URLs, one after the other: a staging, or an error. */
  signed?: (object | Error)[];
  completed?: Error[];
  attempts?: number;
  onPut?: (request: PutRequest, pauses: readonly string[]) => void;
};

/** Stages the file by a script, and says what was called, how long it waited, and what it said of its pauses. */
async function staged(first: object, script: Script = {}) {
  const { answers = [], signed = [], completed = [], attempts = 3 } = script;
  const calls: string[] = [];
  const pauses: string[] = [];
  const bytes: number[] = [];
  const step = (from: (object | Error)[], otherwise: object): object => {
    const next = from.shift() ?? otherwise;
    if (next instanceof Error) throw next;
    return next;
  };
  const work = {
    file,
    partsAtOnce: 1,
    timing: { ...timing, attempts },
    patience: createPatience(undefined, (paused) => pauses.push(paused?.reason ?? 'over')),
    onBytes: (count: number) => bytes.push(count),
    fetch: () => Promise.reject(new Error('no network')),
    put: async (request: PutRequest) => {
      calls.push(request.url.replace('https://s3.example.com/', ''));
      script.onPut?.(request, pauses);
      return answers.shift() ?? stored;
    },
    sign: async () => {
      calls.push('sign');
      return uploadWith(step(signed, { mode: 'multipart', parts: partsOf(2) }));
    },
    complete: async () => {
      calls.push('complete');
      return step(completed, {});
    },
  };
  const { result, waits } = await withQuickWaits(() =>
    stage(uploadWith(first), work).then(
      () => 'done',
      (error: unknown) => error,
    ),
  );
  return { result, calls, bytes, waits };
}

describe('a file in one piece', () => {
  it('is complete with its PUT', async () => {
    const { result, calls, bytes } = await staged({ mode: 'single', ...whole });

    expect(result).toBe('done');
    expect(calls).toEqual(['whole']);
    expect(bytes).toEqual([0, 6]);
  });

  it('gets its URL where the answer has none, and outlasts an API that is busy', async () => {
    const outage = failure('unavailable', 503, true);

    const { result, calls } = await staged(
      { mode: 'single' },
      { attempts: 1, signed: [outage, outage, { mode: 'single', ...whole }] },
    );

    expect(result).toBe('done');
    expect(calls).toEqual(['sign', 'sign', 'sign', 'whole']);
  });

  it('is stored where fresh URLs are asked for and there are none any more', async () => {
    const { result, calls, bytes } = await staged(
      { mode: 'single', ...whole },
      { answers: [expired], signed: [{ mode: 'single' }] },
    );

    expect(result).toBe('done');
    expect(calls).toEqual(['whole', 'sign']);
    expect(bytes.at(-1)).toBe(6);
  });
});

describe('a file in parts', () => {
  const multipart = { mode: 'multipart', parts: partsOf(1) };

  it('is sent part by part, and then declared complete', async () => {
    const { calls } = await staged(multipart);

    expect(calls).toEqual(['1?generation=1', '2?generation=1', 'complete']);
  });

  it('keeps its URLs where storage is busy', async () => {
    const { result, calls } = await staged(multipart, { answers: [busy] });

    expect(result).toBe('done');
    expect(calls).toEqual(['1?generation=1', '1?generation=1', '2?generation=1', 'complete']);
  });

  it('goes on with the first bytes that get through, before the answer', async () => {
    const seen: unknown[] = [];
    await staged(multipart, {
      answers: [busy],
      onPut: ({ onBytes }, pauses) => {
        onBytes(1);
        seen.push([...pauses]);
      },
    });

    expect(seen).toEqual([[], ['busy', 'over'], ['busy', 'over']]);
  });

  it('is looked through again after a wait where storage lacks a part, as often as the timing says', async () => {
    const incomplete = failure('upload_incomplete', 409);

    const { result, calls, waits } = await staged(multipart, {
      completed: [incomplete, incomplete, incomplete],
      signed: [
        { mode: 'multipart', parts: [] },
        { mode: 'multipart', parts: [] },
      ],
    });

    expect(result).toBe(incomplete);
    expect(calls.slice(2)).toEqual(['complete', 'sign', 'complete', 'sign', 'complete']);
    const [first = 0, second = 0] = waits;
    expect([first >= 5_000, first <= 10_000, second >= 10_000, second <= 20_000]).toEqual(
      Array(4).fill(true),
    );
  });

  it('ends with any other refusal of the completion', async () => {
    const refused = failure('forbidden', 403);

    const { result, calls } = await staged(multipart, { completed: [refused] });

    expect(result).toBe(refused);
    expect(calls.filter((call) => call === 'complete')).toHaveLength(1);
  });
});
