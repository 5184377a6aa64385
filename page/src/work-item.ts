/**
 * Which work item the files go to: read from the page's link, or from what a person types or pastes. Pure.
 */
import { fill, texts } from './texts.ts';

export type WorkItem = { projectId: string; issueId: string };

export type Link =
  | { kind: 'none' }
  | { kind: 'work item'; workItem: WorkItem }
  | { kind: 'wrong'; projectId: string; issueId: string };

const PROJECT = /^[A-Za-z0-9]{32}$/;
const ISSUE = /^\d{18,19}$/;
/** Neither may be a piece of something longer. */
const PROJECT_INSIDE = /(?<![A-Za-z0-9])[A-Za-z0-9]{32}(?![A-Za-z0-9])/g;
const ISSUE_INSIDE = /(?<![A-Za-z0-9])\d{18,19}(?![A-Za-z0-9])/g;

/** Reads `?project=…&issue=…`; a link has both or neither. */
export function readLink(search: string): Link {
  const query = new URLSearchParams(search);
  if (!query.has('project') && !query.has('issue')) return { kind: 'none' };
  const workItem = { projectId: query.get('project') ?? '', issueId: query.get('issue') ?? '' };
  const fault = projectFault(workItem.projectId) ?? issueFault(workItem.issueId);
  return fault === undefined ? { kind: 'work item', workItem } : { kind: 'wrong', ...workItem };
}

/** The link of a work item on this page, as a query. */
export function toQuery({ projectId, issueId }: WorkItem): string {
  return `?project=${projectId}&issue=${issueId}`;
}

/** Finds both ids in a pasted address of IPD or of this page. The last ones count: they are the most specific. */
export function findIds(text: string): Partial<WorkItem> {
  const issueId = text.match(ISSUE_INSIDE)?.at(-1);
  const projectId = text.match(PROJECT_INSIDE)?.at(-1);
  return { ...(projectId !== undefined && { projectId }), ...(issueId !== undefined && { issueId }) };
}

export function projectFault(text: string): string | undefined {
  if (PROJECT.test(text)) return undefined;
  return text === '' ? texts.link.noProject : fill(texts.link.wrongProject, { length: text.length });
}

export function issueFault(text: string): string | undefined {
  if (ISSUE.test(text)) return undefined;
  if (text === '') return texts.link.noIssue;
  return /^\d+$/.test(text) ? fill(texts.link.shortIssue, { length: text.length }) : texts.link.wrongIssue;
}

/** The address of a work item in IPD. */
export function ipdAddress(pattern: string, { projectId, issueId }: WorkItem): string {
  return pattern.replaceAll('{project}', projectId).replaceAll('{issue}', issueId);
}

/** How the page names a work item: by the end of its id, as its title is IPD's. */
export function nameOf({ issueId }: WorkItem): string {
  return fill(texts.workItem.name, { end: issueId.slice(-6) });
}
