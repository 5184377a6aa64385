import { describe, expect, it } from '@jest/globals';
import { createClient } from '../../../packages/client/src/node.ts';
import { explainSilence } from '../../../packages/client/src/no-answer.ts';

const cause = new TypeError('Failed to fetch');
const { signal } = new AbortController();

/** A browser in which every request fails. */
function explain(page: string, target: string) {
  const { href, origin, protocol } = new URL(page);
  const request = { method: 'GET', url: `${target}/v1/uploads`, headers: {} };
  const silence = { target, cause, request, signal, fetch: () => Promise.reject(cause) };
  return explainSilence(silence, { location: { href, origin, protocol } });
}

describe('a request without an answer', () => {
  it('is blocked where a page on https calls an address without', async () => {
    expect(await explain('https://app.example.com/a', 'http://bridge.example.com')).toEqual({
      code: 'address_blocked',
      detail: 'A page on https may not call http://bridge.example.com: that needs https, too',
    });
  });

  it.each([
    'http://127.0.0.1:3000',
    'http://localhost:3000',
    'http://[::1]:3000',
    'https://bridge.example.com',
  ])('may be the network where a page on https calls %s', async (url) => {
    expect(await explain('https://app.example.com/', url)).toBeUndefined();
  });

  it('has no address where it is no URL', async () => {
    expect(await explain('https://app.example.com/', 'https://:0')).toEqual({
      code: 'invalid_api_url',
      detail: 'https://:0 is no URL',
    });
  });

  it('is not even made in Node then', () => {
    expect(() => createClient({ apiUrl: 'bridge.example.com', token: 'jwt' })).toThrow(
      expect.objectContaining({ code: 'invalid_api_url', detail: 'bridge.example.com is no URL' }),
    );
  });
});
