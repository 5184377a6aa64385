import { describe, expect, it } from '@jest/globals';
import { withHistory } from '../../../lib/ledger/history.ts';
import { redrive, withdraw } from '../../../lib/domain/lifecycle.ts';
import { claim } from '../../../lib/domain/attempts.ts';
import { fail } from '../../../lib/domain/endings.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { after, fresh, legal, policy, start } from '../domain/transition-samples.ts';

const at = new Date(start).toISOString();

/** The record as the ledger writes it. */
const written = (before: Upload, next: Upload): Upload => withHistory(before, next, at);

describe('history', () => {
  it('notes a change of state, with the attempt that begins and the code of what went wrong', () => {
    const upload = fresh();
    const broken = fail(upload, { code: 'ipd_refused', now: start, policy });

    expect(written(upload, broken).history).toEqual([{ at, status: 'failed', code: 'ipd_refused' }]);
  });

  it('does not note what changes neither the state nor the error', () => {
    const upload = fresh();

    expect(written(upload, { ...upload, stagingChecks: 1 })).toEqual({ ...upload, stagingChecks: 1 });
  });

  it('notes another failure in the same state', () => {
    const upload = fresh();
    const error = { code: 'ipd_paused', message: '', at };

    const once = written(upload, { ...upload, lastError: error });
    const twice = written(once, { ...once, lastError: { ...error, at: new Date(start + 1).toISOString() } });

    expect(twice.history?.map(({ code }) => code)).toEqual(['ipd_paused', 'ipd_paused']);
  });

  it('notes the person who retried it', () => {
    const broken = {
      ...fail(fresh(), { code: 'ipd_refused', now: start, policy }),
      etag: 'e',
      stagedAt: at,
    };
    const again = legal(redrive(broken, { by: 'ann', reason: 'fixed', now: start, policy }));

    expect(written(broken, again).history?.at(-1)).toMatchObject({
      status: 'staged',
      by: 'ann',
      reason: 'fixed',
    });
    expect(again).toMatchObject({ status: 'staged', dueAt: at, redrive: { by: 'ann', reason: 'fixed' } });
  });

  it('notes that person at this one change alone', () => {
    const broken = { ...fail(fresh(), { code: 'ipd_refused', now: start, policy }), etag: 'e', stagedAt: at };
    const again = written(broken, legal(redrive(broken, { by: 'ann', reason: 'fixed', now: start, policy })));

    const next = written(again, legal(claim(again, { attempt: 1, token: 't', until: start, now: start })));

    expect(next.history?.at(-1)).toEqual({ at, status: 'delivering', attempt: 1 });
  });

  it('notes the person who cancelled it', () => {
    const upload = fresh();
    const cancelled = legal(withdraw(upload, { by: 'ann', reason: 'asked for', now: start }));

    expect(written(upload, cancelled).history).toEqual([
      { at, status: 'cancelled', by: 'ann', reason: 'asked for' },
    ]);
  });

  it('notes an error once, and not again with a later change of state', () => {
    const upload = after('stage', 'claim', 'postpone');
    const once = written(after('stage', 'claim'), upload);

    const unchanged = written(once, { ...once, dueAt: at });
    const begun = written(
      once,
      legal(claim(once, { attempt: once.attempts + 1, token: 't', until: start, now: start })),
    );

    expect(once.history).toEqual([{ at, status: 'waiting', code: 'ipd_unavailable' }]);
    expect(unchanged.history).toEqual(once.history);
    expect(begun.lastError).toEqual(once.lastError);
    expect(begun.history?.at(-1)).toEqual({ at, status: 'delivering', attempt: 2 });
  });

  it('keeps the last twenty', () => {
    let upload = fresh();
    for (let n = 0; n < 25; n += 1) {
      const error = { code: String(n), message: '', at: new Date(start + n).toISOString() };
      upload = written(upload, { ...upload, lastError: error });
    }

    expect(upload.history).toHaveLength(20);
    expect(upload.history?.at(-1)?.code).toBe('24');
  });
});
