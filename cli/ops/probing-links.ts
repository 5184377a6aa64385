/**
 * The measurements of a tenant's links and comments, which not every tenant has. They remove what they have made, and
 * say how much of it is left.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Failure } from '../../lib/ipd/errors.ts';
import type { LinkListing } from '../../lib/ipd/links.ts';
import type { Tenant } from './tenant.ts';
import type { Texts } from '../texts/en.ts';

const POLL_EVERY_MS = 200;

/** What the pages say that the account's identity policy must allow. Comments need nothing. */
const ACTIONS = {
  list: 'codeartsreq:configuration:get',
  create: 'codeartsreq:workitem:list',
  remove: 'codeartsreq:plan:delete',
};

const PLAIN_TITLE = 'probe 1.mp4 (312 MB)';
const TITLES: [label: keyof Texts['ops']['labels'], title: string][] = [
  ['chinese', '需求说明 "录屏" <1>.mp4（312 MB）'],
  ['long', `${'长'.repeat(252)}.mp4`],
  ['emoji', 'smile 😀.mp4'],
];

/** What a comment may be made of. */
const MARKUP = [
  '<p>probe</p>',
  '<b>bold</b>',
  '<code>code</code>',
  '<a href="https://example.com/">link</a>',
  '&lt;escaped&gt; &amp; &quot;quoted&quot;',
  '需求说明.mp4',
];

/** An id that no link has. */
const NO_ID = '100000000000000001';

/** What IPD did with one call. `action`: what the identity policy lacks, where IPD refused for that. */
export type Outcome = { isDone: boolean; answer: string; action?: string };

/** Which of the two published shapes a `result` has. */
type Shape = 'docs' | 'sdk' | 'other';

/** `afterMs`: undefined when it was not shown within the time that was waited. */
type Shown = { afterMs: number | undefined };

type Created = Outcome & { shape: Shape; isNamed: boolean };

/** What was found; a member is absent where an earlier call was refused. */
export type LinkFindings = {
  list: Outcome & { rows: number; isCut: boolean };
  create?: Created;
  shown?: Shown & { isKept: boolean };
  titles?: (Outcome & { label: keyof Texts['ops']['labels'] })[];
  /** `rows`: how often the list shows the URL that was sent twice. */
  equal?: Outcome & { rows: number };
  remove?: Outcome & { shape: Shape };
  gone?: Shown;
  /** The second deletion of a link. */
  again?: Outcome;
  /** How many links could not be removed. */
  left: number;
};

export type CommentFindings = {
  create: Outcome;
  list?: Outcome;
  shown?: Shown & { kept: string[]; changed: string[] };
  remove?: Outcome;
  left: number;
};

const identified = z.object({ id: z.string().min(1) });

/** Makes links, and removes them. */
export async function measureLinks(tenant: Tenant, patienceMs: number): Promise<LinkFindings> {
  const links = linksOf(tenant);
  const { rows, ...list } = await links.list();
  const found: LinkFindings = { list: { ...list, rows: rows.length }, left: 0 };
  if (list.isDone) found.create = await links.create(PLAIN_TITLE, 'first');
  if (found.create?.isDone) await measureMade(tenant, { links, found, patienceMs });
  else await measurePolicy(links, found);
  found.left = await links.clean();
  return found;
}

/** Asks for what IPD cannot do, since what the policy does not allow is refused for that. */
async function measurePolicy(links: Links, found: LinkFindings): Promise<void> {
  const create = await links.create('', 'refused');
  if (create.action !== undefined) found.create = create;
  const remove = await links.remove(NO_ID);
  if (remove.action !== undefined) found.remove = remove;
}

async function measureMade(
  tenant: Tenant,
  { links, found, patienceMs }: { links: Links; found: LinkFindings; patienceMs: number },
): Promise<void> {
  const shown = await until(tenant, patienceMs, async () => (await links.shown('first')).at(0));
  found.shown = { afterMs: shown.afterMs, isKept: shown.value?.title === PLAIN_TITLE };
  found.titles = [];
  for (const [label, title] of TITLES) {
    const { isDone, answer } = await links.create(title, label);
    found.titles.push({ label, isDone, answer });
  }

  const equal = await links.create(PLAIN_TITLE, 'first');
  const isTwice = async (): Promise<true | undefined> =>
    (await links.shown('first')).length > 1 ? true : undefined;
  if (equal.isDone) await until(tenant, patienceMs, isTwice);
  found.equal = { ...equal, rows: (await links.shown('first')).length };

  const id = shown.value?.id;
  if (id === undefined) return;
  found.remove = await links.remove(id);
  if (!found.remove.isDone) return;
  const gone = await until(tenant, patienceMs, async () => ((await links.has(id)) ? undefined : true));
  found.gone = { afterMs: gone.afterMs };
  found.again = await links.remove(id);
}

type Links = ReturnType<typeof linksOf>;

/** The calls about links of this run, which their URLs tell from all others. */
function linksOf(tenant: Tenant) {
  const prefix = `https://example.com/ipd-attachment-bridge-${randomBytes(6).toString('hex')}/`;
  /** In the order in which they were made. */
  const made: { url: string; id: string | undefined }[] = [];
  const removed = new Set<string>();

  async function list(): Promise<Outcome & { rows: LinkListing['links']; isCut: boolean }> {
    const { outcome } = await tenant.call({ operation: 'linkList' }, (client, item, signal) =>
      client.listLinks(item, signal),
    );
    if (outcome.kind !== 'listed') return { ...refusalOf(outcome, ACTIONS.list), rows: [], isCut: false };
    for (const { id, url } of outcome.links) {
      if (made.some((one) => one.id === id)) continue;
      const unnamed = made.find((one) => one.url === url && one.id === undefined);
      if (unnamed !== undefined) unnamed.id = id;
      // Its answer was lost.
      else if (url.startsWith(prefix)) made.push({ url, id });
    }
    return { ...done, rows: outcome.links, isCut: outcome.isCut };
  }

  async function create(title: string, name: string): Promise<Created> {
    const url = prefix + name;
    const { outcome, result } = await tenant.call(
      { operation: 'linkCreate', title, url },
      (client, item, signal) =>
        client.createLink({ ...item, title, url, fence: async () => undefined }, signal),
    );
    const shape = shapeOf(result);
    if (outcome.kind !== 'linked') return { ...refusalOf(outcome, ACTIONS.create), shape, isNamed: false };
    made.push({ url, id: outcome.id ?? undefined });
    return { ...done, shape, isNamed: outcome.id !== null };
  }

  async function remove(id: string): Promise<Outcome & { shape: Shape }> {
    const ordinal = made.findIndex((one) => one.id === id) + 1;
    const { outcome, result } = await tenant.call(
      { operation: 'linkDelete', ordinal },
      (client, item, signal) => client.deleteLink({ ...item, id }, signal),
    );
    const shape = shapeOf(result);
    if (outcome.kind !== 'deleted') return { ...refusalOf(outcome, ACTIONS.remove), shape };
    removed.add(id);
    return { ...done, shape };
  }

  const shown = async (name: string): Promise<LinkListing['links']> =>
    (await list()).rows.filter(({ url }) => url === prefix + name);
  const has = async (id: string): Promise<boolean> => (await list()).rows.some((row) => row.id === id);

  /** Removes what is left of this run; returns how many links could not be removed. */
  async function clean(): Promise<number> {
    if (made.length > 0) await list();
    let left = 0;
    for (const { id } of made) {
      if (id !== undefined && removed.has(id)) continue;
      if (id === undefined || !(await remove(id)).isDone) left += 1;
    }
    return left;
  }

  return { list, create, remove, shown, has, clean };
}

/** Makes one comment, and removes it. */
export async function measureComments(tenant: Tenant, patienceMs: number): Promise<CommentFindings> {
  const reference = `ipd-attachment-bridge-${randomBytes(6).toString('hex')}`;
  const html = `<p>${reference}</p>${MARKUP.join(' ')}`;
  const made = await tenant.call({ operation: 'commentCreate', html }, (client, item, signal) =>
    client.addComment({ ...item, html }, signal),
  );
  if (made.outcome.kind !== 'added') return { create: refusalOf(made.outcome), left: 0 };

  const found: CommentFindings = { create: done, left: 0 };
  const shown = await until(tenant, patienceMs, async () => {
    const { outcome } = await tenant.call({ operation: 'commentList' }, (client, item, signal) =>
      client.listComments(item, signal),
    );
    found.list = outcome.kind === 'listed' ? done : refusalOf(outcome);
    if (outcome.kind !== 'listed') return 'refused';
    return outcome.comments.find((comment) => comment.html.includes(reference));
  });
  const comment = shown.value === 'refused' ? undefined : shown.value;
  if (shown.value !== 'refused') {
    const kept = MARKUP.filter((piece) => comment?.html.includes(piece));
    found.shown = { afterMs: shown.afterMs, kept, changed: MARKUP.filter((piece) => !kept.includes(piece)) };
  }

  const id = comment?.id ?? identified.safeParse(made.result).data?.id;
  if (id === undefined) return { ...found, left: 1 };
  const { outcome } = await tenant.call({ operation: 'commentDelete', ordinal: 1 }, (client, item, signal) =>
    client.deleteComment({ ...item, id }, signal),
  );
  found.remove = outcome.kind === 'deleted' ? done : refusalOf(outcome);
  return { ...found, left: found.remove.isDone ? 0 : 1 };
}

const done: Outcome = { isDone: true, answer: 'done' };

function refusalOf(failure: Failure, action?: string): Outcome {
  const isForbidden = failure.kind === 'refused' && failure.code === 'ipd_forbidden';
  return {
    isDone: false,
    answer: failure.detail,
    ...(isForbidden && action !== undefined && { action }),
  };
}

/** Asks until there is an answer, for so long; `afterMs` says how long that took. */
async function until<Value>(
  tenant: Tenant,
  patienceMs: number,
  ask: () => Promise<Value | undefined>,
): Promise<Shown & { value: Value | undefined }> {
  const since = performance.now();
  for (;;) {
    const value = await ask();
    const afterMs = Math.round(performance.now() - since);
    if (value !== undefined) return { value, afterMs };
    if (afterMs >= patienceMs) return { value, afterMs: undefined };
    await tenant.wait(POLL_EVERY_MS);
  }
}

function shapeOf(result: unknown): Shape {
  if (typeof result !== 'object' || result === null) return 'other';
  return 'success' in result || 'fail' in result ? 'sdk' : 'docs';
}
