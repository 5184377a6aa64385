/**
 * The comments of a work item. The bridge only adds them; the probe of a tenant lists and deletes its own, too. Never
 * repeats a call that changes something: IPD would keep two.
 */
import * as z from 'zod';
import type { WorkItem } from '../domain/upload.ts';
import type { Asking } from './calls.ts';
import type { Failure } from './errors.ts';

type CommentListing = { kind: 'listed'; comments: { id: string; html: string }[] };

const listAnswer = z.object({
  result: z.object({ comment_list: z.array(z.object({ id: z.string().min(1), description: z.string() })) }),
});

/** The newest first, and as many of them as one page takes. */
const NEWEST = 'category=comment&date_desc=true&page_no=1&page_size=200';

/** The calls about comments, over `client.ts`. */
export function createComments({ read, write }: Asking) {
  /**
   * Adds one comment, of 1 to 10,000 characters of HTML. The user's text in it is the caller's to escape.
   * https://support.huaweicloud.com/api-projectman/CreateIpdIssueComments.html
   */
  async function addComment(
    { html, ...item }: WorkItem & { html: string },
    signal: AbortSignal,
  ): Promise<{ kind: 'added' } | Failure> {
    // Without `issue_category`, which is not required: the bridge does not know it.
    const content = { category: 'comment', description: html };
    const verdict = await write({ method: 'POST', path: pathOf(item), content, signal });
    return verdict.kind === 'success' ? { kind: 'added' } : verdict;
  }

  /** The newest 200 comments: https://support.huaweicloud.com/api-projectman/ListIpdIssueComments.html */
  async function listComments(item: WorkItem, signal: AbortSignal): Promise<CommentListing | Failure> {
    const verdict = await read({ method: 'GET', path: `${pathOf(item)}?${NEWEST}`, signal });
    if (verdict.kind !== 'success') return verdict;
    const parsed = listAnswer.safeParse(verdict.body);
    if (!parsed.success) return { kind: 'unconfirmed', detail: 'the list of comments cannot be read' };
    const comments = parsed.data.result.comment_list.map(({ id, description }) => ({
      id,
      html: description,
    }));
    return { kind: 'listed', comments };
  }

  /** For good: https://support.huaweicloud.com/api-projectman/DeleteIpdIssueComment.html */
  async function deleteComment(
    { id, ...item }: WorkItem & { id: string },
    signal: AbortSignal,
  ): Promise<{ kind: 'deleted' } | Failure> {
    const verdict = await write({ method: 'DELETE', path: `${pathOf(item)}/${id}`, signal });
    return verdict.kind === 'success' ? { kind: 'deleted' } : verdict;
  }

  return { addComment, listComments, deleteComment };
}

function pathOf({ projectId, issueId }: WorkItem): string {
  return `/v1/ipdprojectservice/projects/${projectId}/issues/${issueId}/comments`;
}
