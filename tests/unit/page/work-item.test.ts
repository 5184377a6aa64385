import { describe, expect, it } from '@jest/globals';
import { findIds, ipdAddress, readLink, toQuery } from '../../../page/src/work-item.ts';

const projectId = '0123456789abcdef0123456789ABCDEF';
const issueId = '956239067176935400';

describe('the link of the page', () => {
  it('has both ids', () => {
    expect(readLink(`?project=${projectId}&issue=${issueId}`)).toEqual({
      kind: 'work item',
      workItem: { projectId, issueId },
    });
  });

  it('is the one that the page makes', () => {
    expect(readLink(toQuery({ projectId, issueId: '1234567890123456789' }))).toEqual({
      kind: 'work item',
      workItem: { projectId, issueId: '1234567890123456789' },
    });
  });

  it.each(['', '?utm_source=mail'])('names no work item: %p', (search) => {
    expect(readLink(search)).toEqual({ kind: 'none' });
  });

  it.each([
    [`?project=${projectId}`, { projectId, issueId: '' }],
    [`?issue=${issueId}`, { projectId: '', issueId }],
    [`?project=${projectId}0&issue=${issueId}`, { projectId: `${projectId}0`, issueId }],
    [`?project=${projectId}&issue=12345678901234567`, { projectId, issueId: '12345678901234567' }],
    [`?project=${projectId}&issue=12345678901234567890`, { projectId, issueId: '12345678901234567890' }],
    [`?project=${'ä'.repeat(32)}&issue=${issueId}`, { projectId: 'ä'.repeat(32), issueId }],
    [`?project=${projectId}&issue=${issueId}%0A`, { projectId, issueId: `${issueId}\n` }],
  ])('is wrong: %p', (search, given) => {
    expect(readLink(search)).toEqual({ kind: 'wrong', ...given });
  });
});

describe('a pasted address', () => {
  it.each([
    `https://ipd.example.com/projects/${projectId}/workitems/${issueId}`,
    `https://ipd.example.com/#/project/${projectId}?issueId=${issueId}&tab=2`,
    `https://files.example.com/?project=${projectId}&issue=${issueId}`,
    `${projectId} ${issueId}`,
  ])('has both ids in it: %p', (text) => {
    expect(findIds(text)).toEqual({ projectId, issueId });
  });

  it('has no id that is a piece of something longer', () => {
    expect(findIds(`x${projectId} 9${issueId}9`)).toEqual({});
  });

  it('may have one of them', () => {
    expect(findIds(`https://ipd.example.com/workitems/${issueId}`)).toEqual({ issueId });
  });
});

it('the address in IPD has the ids in their places', () => {
  const pattern = 'https://ipd.example.com/{project}/{issue}?of={project}';

  expect(ipdAddress(pattern, { projectId, issueId })).toBe(
    `https://ipd.example.com/${projectId}/${issueId}?of=${projectId}`,
  );
});
