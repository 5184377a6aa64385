import { describe, expect, it } from '@jest/globals';
import { createLinks } from '../../../lib/ipd/links.ts';

const { signal } = new AbortController();
const item = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };
const row = { id: '1', title: 'a.mp4', url: 'https://bridge.example.com/v1/files/0b8e/secret' };

/** The links of a work item for which IPD answers so. */
async function listed(result: unknown) {
  const success = async () => ({ kind: 'success' as const, body: { result }, requestId: undefined });
  const { listLinks } = createLinks({ read: success, write: success, writeBehindFence: success });
  return listLinks(item, signal);
}

describe('the list of links', () => {
  it('is cut where a link has no id', async () => {
    expect(await listed({ data: { result: [row, { ...row, id: '' }] } })).toEqual({
      kind: 'listed',
      links: [row],
      isCut: true,
    });
  });

  it.each([
    [{ count: '1', page: '1' }, false],
    [{ count: '2', page: '1' }, true],
    [{ count: '1', page: '2' }, true],
  ])('is cut where either count is above its rows: %j', async ({ count, page }, isCut) => {
    expect(await listed({ data: { result: [row], page: { count: page } }, count })).toEqual({
      kind: 'listed',
      links: [row],
      isCut,
    });
  });
});
