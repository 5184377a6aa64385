/**
 * The routes of the fake IPD: which operation a request asks for, and on what. It judges no parameter.
 */
import { targetOf } from './types.ts';
import type { WorkItem } from './types.ts';

export type Route =
  | { operation: 'token'; query: URLSearchParams }
  | ({ operation: 'upload' } & WorkItem)
  | ({ operation: 'list' } & WorkItem)
  | { operation: 'download'; projectId: string; attachmentId: string }
  | ({ operation: LinkOperation } & WorkItem)
  | ({ operation: 'commentCreate' } & WorkItem)
  | ({ operation: 'commentList'; query: URLSearchParams } & WorkItem)
  | ({ operation: 'commentUpdate' | 'commentDelete'; commentId: string } & WorkItem);

type LinkOperation = 'linkList' | 'linkCreate' | 'linkUpdate' | 'linkDelete';

const PROJECT = '^/v1/ipdprojectservice/projects/([^/]+)';
const UPLOAD = new RegExp(`${PROJECT}/issues/([^/]+)/attachments/upload/?$`);
const LIST = new RegExp(`${PROJECT}/attachments/?$`);
const DOWNLOAD = new RegExp(`${PROJECT}/attachments/download/([^/]+)/?$`);
const LINKS = /^\/v2\/projects\/([^/]+)\/issues\/([^/]+)\/associate-third-party\/?$/;
const COMMENTS = new RegExp(`${PROJECT}/issues/([^/]+)/comments/?$`);
const COMMENT = new RegExp(`${PROJECT}/issues/([^/]+)/comments/([^/]+)/?$`);

const LINK_OPERATIONS: Record<string, LinkOperation> = {
  GET: 'linkList',
  POST: 'linkCreate',
  PUT: 'linkUpdate',
  DELETE: 'linkDelete',
};

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
  return findLinkRoute(method, path) ?? findCommentRoute({ method, path, query });
}

function findLinkRoute(method: string, path: string): Route | undefined {
  const [, projectId, issueId] = LINKS.exec(path) ?? [];
  const operation = LINK_OPERATIONS[method];
  if (projectId === undefined || issueId === undefined || operation === undefined) return undefined;
  return { operation, projectId, issueId };
}

function findCommentRoute(asked: {
  method: string;
  path: string;
  query: URLSearchParams;
}): Route | undefined {
  const { method, path, query } = asked;
  const [, projectId, issueId] = COMMENTS.exec(path) ?? [];
  if (projectId !== undefined && issueId !== undefined) {
    if (method === 'POST') return { operation: 'commentCreate', projectId, issueId };
    if (method === 'GET') return { operation: 'commentList', projectId, issueId, query };
    return undefined;
  }
  const [, project, issue, commentId] = COMMENT.exec(path) ?? [];
  if (project === undefined || issue === undefined || commentId === undefined) return undefined;
  const item = { projectId: project, issueId: issue, commentId };
  if (method === 'PUT') return { operation: 'commentUpdate', ...item };
  return method === 'DELETE' ? { operation: 'commentDelete', ...item } : undefined;
}
