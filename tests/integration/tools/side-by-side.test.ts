import { describe, expect, it } from '@jest/globals';
import { rm } from 'node:fs/promises';
import { countOf, endOf, logOf, runSideBySide } from '../../../tools/side-by-side.ts';
import type { Ended, Job } from '../../../tools/side-by-side.ts';

/** Each notes in the file `$seen` when it begins and ends. */
async function play(jobs: (Pick<Job, 'line'> & Partial<Job>)[], cores = 2): Promise<Ended[]> {
  const all: Ended[] = [];
  const named = jobs.map((job, index) => ({ cores: 1, name: `of-a-test-${index}`, ...job }));
  await runSideBySide(named, { cores, onEnd: (ended) => all.push(ended) });
  await Promise.all(named.map(({ name }) => rm(logOf(name))));
  return all;
}

describe('runSideBySide', () => {
  it('says whether a job went well, and what it printed', async () => {
    const [first, second] = await play(
      [{ line: 'echo one; echo two >&2' }, { line: 'echo three; exit 3' }],
      1,
    );

    expect(first).toMatchObject({ isOk: true, output: 'one\ntwo\n' });
    expect(second).toMatchObject({ isOk: false, output: 'three\n' });
  });

  it('lets others go before one that needs all cores', async () => {
    const ended = await play([
      { name: 'of-a-test-first', line: 'true' },
      { name: 'of-a-test-all', line: 'true', cores: 2 },
      { name: 'of-a-test-last', line: 'true', cores: 0.5 },
    ]);

    expect(ended.map(({ name }) => name).at(-1)).toBe('of-a-test-all');
    expect(ended).toHaveLength(3);
  });

  it('counts the CPU time of processes below the job', async () => {
    const busy = 'const end = Date.now() + 1e4; while (process.cpuUsage().user < 3e5 && Date.now() < end);';
    const [ended] = await play([{ line: `bash -c "'${process.execPath}' -e '${busy}'"` }]);

    expect(ended?.cpuSeconds).toBeGreaterThanOrEqual(0.3);
  });
});

describe('the count of a job', () => {
  const endedWith = (output: string, isOk = true): Ended => ({
    name: 'a',
    isOk,
    output,
    seconds: 1,
    cpuSeconds: 1,
  });

  it.each([
    ['Tests:       380 passed, 380 total', { passed: 380, failed: 0 }],
    ['Tests:       1 failed, 2 skipped, 377 passed, 380 total', { passed: 377, failed: 1 }],
    ['Tests:       3 passed, 3 total\n4 passed, 1 failed', { passed: 7, failed: 1 }],
    ['  4 passed, 1 failed', { passed: 0, failed: 0 }],
  ])('reads the summary %j', (output, count) => {
    expect(countOf(endedWith(output))).toEqual(count);
  });

  it('has a failure where a job fails without a failed test', () => {
    expect(countOf(endedWith('Tests:       3 passed, 3 total', false))).toEqual({ passed: 3, failed: 1 });
  });

  it('shows the last lines without files that passed', () => {
    expect(endOf(endedWith('a\nb\nPASS c.test.ts\nd\n'), 2)).toBe('  b\n  d');
  });
});
