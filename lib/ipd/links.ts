/**
 * The external links of a work item ("third party"): list, create, delete. The documentation and the published SDK
 * disagree on what `result` holds, so both shapes are read. Never repeats a call that changes something.
 */
import * as z from 'zod';
import type { WorkItem } from '../domain/upload.ts';
import type { Asking, FencedCall } from './calls.ts';
import type { Failure } from './errors.ts';

/** A work item's links. `isCut`: there may be more of them than these, or some cannot be read. */
export type LinkListing = {
  kind: 'listed';
  links: { id: string; url: string; title: string }[];
  isCut: boolean;
};

/** IPD has the link. `id` is null if IPD did not name exactly one link with this URL. */
type Linked = { kind: 'linked'; id: string | null };

/** Ids are longer than a JavaScript number can carry: a number here has lost digits already, so only strings count. */
const linkRow = z.object({
  id: z.string().min(1),
  url: z.string(),
  title: z
    .string()
    .nullish()
    .transform((title) => title ?? ''),
});
/** Documented as a text, a number in the newer SDK; anything else counts as absent. */
const count = z
  .union([z.int().nonnegative(), z.string().regex(/^\d+$/).transform(Number)])
  .optional()
  .catch(undefined);
const page = z.object({ count }).optional().catch(undefined);
const rows = z.array(z.unknown()).nullish();
const listAnswer = z.object({
  result: z.object({ data: z.object({ result: rows, page }).nullish(), count }).nullish(),
});
const answer = z.object({ result: z.unknown().optional() }).catch({ result: undefined });
const split = z.object({ success: z.unknown().optional(), fail: z.unknown().optional() });

/** The calls about links, over `client.ts`. */
export function createLinks({ read, write, writeBehindFence }: Asking) {
  /**
   * The work item's links. The list has no pages: what it does not show cannot be asked for.
   * https://support.huaweicloud.com/api-projectman/ShowIpdThirdPartyAssociated.html
   */
  async function listLinks(item: WorkItem, signal: AbortSignal): Promise<LinkListing | Failure> {
    const verdict = await read({ method: 'GET', path: pathOf(item), signal });
    if (verdict.kind !== 'success') return verdict;
    const parsed = listAnswer.safeParse(verdict.body);
    if (!parsed.success) return { kind: 'unconfirmed', detail: 'the list of links cannot be read' };
    const { data, count: total } = parsed.data.result ?? {};
    const listed = data?.result ?? [];
    const links = readableOf(listed);
    const counts = [total, data?.page?.count].filter((one) => one !== undefined);
    // Without rows and without a count it is not said that there are none.
    const isGiven = Array.isArray(data?.result) || counts.length > 0;
    const isCut = !isGiven || links.length < listed.length || Math.max(0, ...counts) > listed.length;
    return { kind: 'listed', links, isCut };
  }

  /**
   * Adds one link, even if there is one with this URL. IPD takes a title of 1 to 256 characters, and a URL with https.
   * Nothing is sent before `fence` resolves; throws what it throws before the exchange is over.
   * https://support.huaweicloud.com/api-projectman/AssociateIpdThirdParty.html
   */
  async function createLink(
    { title, url, fence, ...item }: WorkItem & { title: string; url: string } & Pick<FencedCall, 'fence'>,
    signal: AbortSignal,
  ): Promise<Linked | Failure> {
    const content = { title, url };
    const verdict = await writeBehindFence({ method: 'POST', path: pathOf(item), content, fence, signal });
    if (verdict.kind !== 'success') return verdict;
    const { done, failed } = outcomeOf(verdict.body);
    if (failed.length > 0) return done.length > 0 ? contradiction : refusal;
    const [named, ...others] = readableOf(done).filter((link) => link.url === url);
    return { kind: 'linked', id: named !== undefined && others.length === 0 ? named.id : null };
  }

  /**
   * Deletes one link. How IPD answers for a link that is gone is not documented: the list shows whether it is.
   * https://support.huaweicloud.com/api-projectman/DeleteIpdThirdParty.html
   */
  async function deleteLink(
    { id, ...item }: WorkItem & { id: string },
    signal: AbortSignal,
  ): Promise<{ kind: 'deleted' } | Failure> {
    const verdict = await write({ method: 'DELETE', path: pathOf(item), content: { id }, signal });
    if (verdict.kind !== 'success') return verdict;
    const { done, failed } = outcomeOf(verdict.body);
    if (failed.length > 0) return done.length > 0 ? contradiction : refusal;
    return { kind: 'deleted' };
  }

  return { listLinks, createLink, deleteLink };
}

const refusal: Failure = {
  kind: 'refused',
  code: 'ipd_refused',
  detail: 'HTTP 200, with the link under what failed',
};
const contradiction: Failure = {
  kind: 'unconfirmed',
  detail: 'HTTP 200, with something under what failed and under what did not',
};

/** Without `ipdprojectservice`, other than the paths of attachments and comments. */
function pathOf({ projectId, issueId }: WorkItem): string {
  return `/v2/projects/${projectId}/issues/${issueId}/associate-third-party`;
}

function readableOf(elements: readonly unknown[]): LinkListing['links'] {
  return elements.flatMap((element) => linkRow.safeParse(element).data ?? []);
}

/** `result` is what was done (the documentation), or has it beside what failed (the SDK). */
function outcomeOf(body: unknown): { done: unknown[]; failed: unknown[] } {
  const { result } = answer.parse(body);
  const { success, fail } = split.safeParse(result).data ?? {};
  if (success === undefined && fail === undefined) return { done: asList(result), failed: [] };
  return { done: asList(success), failed: asList(fail) };
}

function asList(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}
