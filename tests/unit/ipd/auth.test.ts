import { describe, expect, it } from '@jest/globals';
import { canonicalRequest, createTokenSource, EMPTY_PAYLOAD } from '../../../lib/ipd/auth.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../../lib/domain/units.ts';
import { createTestClock } from '../../support/surroundings.ts';

const noon = Date.UTC(2026, 0, 2, 12);
const user = { domain: 'acme', username: 'bridge-bot', password: 'password' };

/** A source of tokens, to which IAM answers so; and the patience of each call that was made of IAM. */
function sourceOf({
  status = 201,
  text = '',
  random = 0,
}: {
  status?: number;
  text?: string;
  random?: number;
}) {
  const timeouts: number[] = [];
  const clock = Object.assign(createTestClock(noon), {
    random: () => random,
    timeout: (ms: number) => {
      timeouts.push(ms);
      return new AbortController().signal;
    },
  });
  const source = createTokenSource({
    iamEndpoint: 'https://iam.example.com',
    region: 'cn-north-4',
    user,
    clock,
    send: async () => ({ status, headers: { 'x-subject-token': 'token-1' }, body: bytesOf(text) }),
  });
  return { ...source, clock, timeouts };
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const living = (ms: number): string =>
  JSON.stringify({ token: { expires_at: new Date(noon + ms).toISOString() } });

describe('a token', () => {
  it.each([
    ['of a day', living(24 * HOUR_MS), 0, 23 * HOUR_MS],
    ['of a day, at random earlier', living(24 * HOUR_MS), 1, 22.75 * HOUR_MS],
    ['of two hours', living(2 * HOUR_MS), 0, HOUR_MS],
    ['of two hours, at random earlier', living(2 * HOUR_MS), 1, 48 * MINUTE_MS],
    ['of ten minutes', living(10 * MINUTE_MS), 0, 5 * MINUTE_MS],
    ['of ten minutes, at random earlier', living(10 * MINUTE_MS), 0.5, 4.5 * MINUTE_MS],
    ['of an unknown end', '', 0, 30 * MINUTE_MS],
    ['of an unknown end, at random earlier', '{}', 1, 24 * MINUTE_MS],
  ])('%s is asked for anew in time', async (_what, text, random, after) => {
    const { authorize, clock, timeouts } = sourceOf({ text, random });

    await authorize();
    clock.set(noon + after - 1);
    await authorize();
    const before = timeouts.length;
    clock.set(noon + after);
    await authorize();

    expect([before, timeouts.length]).toEqual([1, 2]);
  });

  it('is waited for by a caller who has time', async () => {
    const { authorize } = sourceOf({});

    expect(await authorize(new AbortController().signal)).toEqual({
      kind: 'authorized',
      headers: { 'x-auth-token': 'token-1' },
    });
  });

  it('is not waited for longer than ten seconds', async () => {
    const { authorize, timeouts } = sourceOf({});

    await authorize();

    expect(timeouts).toEqual([10 * SECOND_MS]);
  });

  it('comes with status 201 alone', async () => {
    expect(await sourceOf({ status: 200 }).authorize()).toEqual({
      kind: 'unavailable',
      detail: 'IAM gave no token: HTTP 200',
      isOutage: true,
    });
  });
});

describe('what is signed', () => {
  it('has its parameters by their names, and those of one name by their values', () => {
    for (const query of ['a=3&b=0&a=1&a=2', 'a=1&a=2&a=3&b=0', 'b=0&a=3&a=2&a=1', 'a=2&a=3&a=1&b=0']) {
      const url = new URL(`https://ipd.example.com/?${query}`);

      const { text } = canonicalRequest({ method: 'GET', url, payload: EMPTY_PAYLOAD }, {});

      expect(text.split('\n')[2]).toBe('a=1&a=2&a=3&b=0');
    }
  });
});
