/**
 * The routes of the fake IPD: which operation a request asks for, and on what. It judges no parameter.
 */
import { targetOf } from './types.ts';
import type { WorkItem } from './types.ts';

export type Route =
  | { operation: 'token'; query: URLSearchParams }
  | ({ operation: 'upload' } & WorkItem)
  | ({ operation: 'list' } & WorkItem)
  | { operation: 'download'; projectId: string; attachmentId: string };

const PROJECT = '^/v1/ipdprojectservice/projects/([^/]+)';
const UPLOAD = new RegExp(`${PROJECT}/issues/([^/]+)/attachments/upload/?$`);
const LIST = new RegExp(`${PROJECT}/attachments/?$`);
const DOWNLOAD = new RegExp(`${PROJECT}/attachments/download/([^/]+)/?$`);

/** The route of a request; undefined for anything that is not published. */
export function findRoute({ method, url }: { method: string; url: string }): Route | undefined {
  const { path, query } = targetOf(url);
  if (method === 'POST' && path === '/v3/auth/tokens') return { operation: 'token', query };
  if (method === 'POST') {
    const [, projectId, issueId] = UPLOAD.exec(path) ?? [];
    if (projectId !== undefined && issueId !== undefined) return { operation: 'upload', projectId, issueId };
  }
  if (method === 'GET') {
    const [, listed] = LIST.exec(path) ?? [];
    if (listed !== undefined) {
      return { operation: 'list', projectId: listed, issueId: query.get('issue_id') ?? '' };
    }
    const [, projectId, attachmentId] = DOWNLOAD.exec(path) ?? [];
    if (projectId !== undefined && attachmentId !== undefined) {
      return { operation: 'download', projectId, attachmentId };
    }
  }
  return undefined;
}
