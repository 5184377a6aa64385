/**
 * The comments of work items: create, list, change, delete, with the limits that are documented and the values that were
 * seen. https://support.huaweicloud.com/api-projectman/CreateIpdIssueComments.html. The calling function applies the
 * faults, except those that change what is kept.
 */
import { z } from 'zod';
import type { Plan } from './faults.ts';
import { parseJson } from './json.ts';
import { emojiRefusal, workItemRefusal } from './refusals.ts';
import { failedWithin200, invalidParameter, success, USER } from './replies.ts';
import { createRows } from './rows.ts';
import type { Settings } from './settings.ts';
import type { Done, Element, Reply, Row, WorkItem } from './types.ts';

export type Comment = Row<{ description: string; category: 'comment' | 'reply' }>;

type Call = WorkItem & { settings: Settings; plan: Plan; text: string };

const DESCRIPTION_LIMIT = 10_000;
const MOST_PER_PAGE = 200;

const created = z.object({
  category: z.enum(['comment', 'reply']).default('comment'),
  description: z.string(),
});
const updated = z.object({ description: z.string() });
const listed = z.object({
  page_no: z.coerce.number().int().min(1).max(10_000),
  page_size: z.coerce.number().int().min(1).max(MOST_PER_PAGE),
  date_desc: z.enum(['true', 'false']).default('true'),
});

/** The comments, and the operations on them. */
export function createComments({ clock }: { clock: () => number }) {
  const rows = createRows<{ description: string; category: 'comment' | 'reply' }>({ clock });

  function create(call: Call): Done {
    const { settings, plan, projectId, issueId } = call;
    const body = created.safeParse(parseJson(call.text)).data;
    const refusal = workItemRefusal(settings, call) ?? descriptionRefusal(settings, body);
    if (refusal !== undefined || body === undefined) return refused(refusal);
    if (!plan.isStored) return { reply: frame([]), named: [], held: () => [], frame };
    const content = { projectId, issueId, category: body.category, description: kept(settings, body) };
    const comment = rows.add(content, timingOf(call));
    for (let copy = 1; copy < plan.copies; copy += 1) rows.add(content, timingOf(call));
    return answering(elementOf(comment));
  }

  /** Refuses a list without a category, as IPD was seen to. */
  function list({
    settings,
    query,
    ...item
  }: WorkItem & { settings: Settings; query: URLSearchParams }): Done {
    const refusal = workItemRefusal(settings, item);
    if (refusal !== undefined) return { reply: refusal };
    const categories = query.get('category')?.split(',');
    if (categories === undefined) {
      const message = "Required request paramteter 'category' can not be null"; // cspell:disable-line
      return { reply: failedWithin200('failed', message) };
    }
    const asked = listed.safeParse(Object.fromEntries(query)).data;
    if (asked === undefined) return { reply: invalidParameter('page_no, page_size') };
    const { page_no: page, page_size: size, date_desc: isNewestFirst } = asked;
    const meant = rows.visible(item).filter(({ category }) => categories.includes(category));
    const ordered = isNewestFirst === 'true' ? meant.toReversed() : meant;
    const named = ordered.slice((page - 1) * size, page * size).map(elementOf);
    const shown = (comments: Element[]): Reply => success({ total: meant.length, comment_list: comments });
    return { reply: shown(named), named, held: () => named, frame: shown };
  }

  function update(call: Call & { commentId: string }): Done {
    const { settings, plan } = call;
    const body = updated.safeParse(parseJson(call.text)).data;
    const refusal = workItemRefusal(settings, call) ?? descriptionRefusal(settings, body);
    if (refusal !== undefined || body === undefined) return refused(refusal);
    const comment = findAt(call);
    if (comment === undefined) return refused(gone());
    if (plan.isStored) comment.description = kept(settings, body);
    return answering(elementOf(comment));
  }

  function remove(call: Call & { commentId: string }): Done {
    const refusal = workItemRefusal(call.settings, call);
    if (refusal !== undefined) return refused(refusal);
    const comment = findAt(call);
    if (comment === undefined) return refused(gone());
    if (call.plan.isStored) rows.remove(comment, timingOf(call));
    return answering({ id: comment.id, top: '0', modified_by: USER.id });
  }

  function findAt({ projectId, issueId, commentId }: WorkItem & { commentId: string }): Comment | undefined {
    const comment = rows.find(commentId);
    return comment?.projectId === projectId && comment.issueId === issueId ? comment : undefined;
  }

  return { create, list, update, remove, all: rows.all, clear: rows.clear };
}

function descriptionRefusal(
  settings: Settings,
  body: { description: string } | undefined,
): Reply | undefined {
  const text = body?.description ?? '';
  const length = Array.from(text).length;
  if (length < 1 || length > DESCRIPTION_LIMIT) return invalidParameter('description');
  return emojiRefusal(settings, { what: 'comment', text });
}

/** Whether IPD keeps the mark-up of a comment is not documented. */
function kept({ commentMarkup }: Settings, { description }: { description: string }): string {
  return commentMarkup === 'kept' ? description : description.replaceAll(/<[^>]*>/g, '');
}

function timingOf({ plan, settings }: Call) {
  return {
    afterSeconds: plan.storedAfterSeconds,
    listDelaySeconds: plan.listDelaySeconds || settings.listDelaySeconds,
  };
}

function answering(element: Element): Done {
  const named = [element];
  return { reply: frame(named), named, held: () => named, frame };
}

function frame(named: Element[]): Reply {
  return success(named.length === 1 ? named[0] : named);
}

function refused(reply: Reply = invalidParameter('body')): Done {
  return { reply, isRefused: true };
}

function gone(): Reply {
  return failedWithin200('error', 'The comment does not exist.');
}

/** CommentEntity: `category` is documented in lower case, and was seen with a capital. */
function elementOf({ id, issueId, description, category, createdAt }: Comment): Element {
  return {
    id,
    issue_id: issueId,
    category: category === 'comment' ? 'Comment' : 'Reply',
    type: 'comment',
    description,
    created_by: USER.id,
    created_date: String(Math.floor(createdAt)),
    creator_info: { user_id: USER.id, user_name: USER.name, nick_name: USER.nick_name },
    top: '0',
    top_flag: false,
  };
}
