/**
 * The external links of work items ("third party"), with the limits that are documented and both shapes of answers.
 * https://support.huaweicloud.com/api-projectman/AssociateIpdThirdParty.html. The calling function applies the faults,
 * except those that change what is kept.
 */
import { z } from 'zod';
import type { Plan } from './faults.ts';
import { parseJson } from './json.ts';
import { emojiRefusal, workItemRefusal } from './refusals.ts';
import { failedWithin200, invalidParameter, success, USER } from './replies.ts';
import { AT_ONCE, createRows } from './rows.ts';
import type { Timing } from './rows.ts';
import type { Settings } from './settings.ts';
import type { Done, Element, Reply, Row, WorkItem } from './types.ts';

export type Link = Row<{ title: string; url: string }>;

type Call = WorkItem & { settings: Settings; plan: Plan; text: string };

const TITLE_LIMIT = 256;

const created = z.object({ title: z.string(), url: z.string() });
const updated = created.extend({ id: z.string() });
const deleted = z.object({ id: z.string() });

/** The links, and the operations on them. */
export function createLinks({ clock }: { clock: () => number }) {
  const rows = createRows<{ title: string; url: string }>({ clock });

  function create(call: Call): Done {
    const { settings, plan, projectId, issueId } = call;
    const frame = framed(settings);
    const body = created.safeParse(parseJson(call.text)).data;
    const refusal = workItemRefusal(settings, call) ?? linkRefusal(settings, body);
    if (refusal !== undefined || body === undefined) return refused(refusal);
    const isEqual = rows.visible(call).some(({ url }) => url === body.url);
    if (isEqual && settings.equalLinks === 'refused') {
      return refused(failedWithin200('error', 'The link exists already.'));
    }
    if (!plan.isStored) return { reply: frame([]), named: [], held: () => [], frame };
    const content = { projectId, issueId, title: body.title, url: body.url };
    const link = rows.add(content, timingOf(call));
    for (let copy = 1; copy < plan.copies; copy += 1) rows.add(content, timingOf(call));
    const named = [createdElement(link)];
    return { reply: frame(named), named, held: () => rows.visible(call).map(createdElement), frame };
  }

  /** All links at once, without pages; `linksShown` cuts the list, and the count says so. */
  function list({ settings, ...item }: WorkItem & { settings: Settings }): Done {
    const refusal = workItemRefusal(settings, item);
    if (refusal !== undefined) return { reply: refusal };
    const links = rows.visible(item).map(listedElement);
    const frame = (shown: Element[], all = shown.length): Reply =>
      success({
        data: { result: shown, page: pageOf(settings, all) },
        count: String(all),
      });
    const named = links.slice(0, settings.linksShown ?? Infinity);
    return { reply: frame(named, links.length), named, held: () => named, frame: (shown) => frame(shown) };
  }

  function update(call: Call): Done {
    const { settings, plan } = call;
    const body = updated.safeParse(parseJson(call.text)).data;
    const refusal = workItemRefusal(settings, call) ?? linkRefusal(settings, body);
    if (refusal !== undefined || body === undefined) return refused(refusal);
    const link = findAt(call, body.id);
    if (link === undefined) return goneFrom(settings, body.id);
    const { title, url } = link;
    const changed = [...(title === body.title ? [] : ['title']), ...(url === body.url ? [] : ['url'])];
    if (plan.isStored) Object.assign(link, { title: body.title, url: body.url });
    const result = settings.linkAnswer === 'docs' ? changed : { success: [changed], fail: [] };
    return { reply: success(result), ...identified(settings, body.id) };
  }

  function remove(call: Call): Done {
    const { settings, plan } = call;
    const body = deleted.safeParse(parseJson(call.text)).data;
    const refusal = workItemRefusal(settings, call);
    if (refusal !== undefined || body === undefined) return refused(refusal ?? invalidParameter('id'));
    const link = findAt(call, body.id);
    if (link === undefined) return goneFrom(settings, body.id);
    if (plan.isStored) rows.remove(link, timingOf(call));
    const about = identified(settings, body.id);
    return { reply: about.frame(about.named), ...about };
  }

  function findAt({ projectId, issueId }: WorkItem, id: string): Link | undefined {
    const link = rows.find(id);
    return link?.projectId === projectId && link.issueId === issueId ? link : undefined;
  }

  return {
    create,
    list,
    update,
    remove,
    all: rows.all,
    clear: rows.clear,
    /** As a person does on IPD's own page. */
    plant: (link: WorkItem & { title: string; url: string }): Link => rows.add(link, AT_ONCE),
    /** False where there is no link with this id. */
    uproot: (id: string): boolean => {
      const link = rows.find(id);
      if (link !== undefined) rows.remove(link);
      return link !== undefined;
    },
  };
}

function linkRefusal(
  settings: Settings,
  link: { title: string; url: string } | undefined,
): Reply | undefined {
  if (link === undefined) return invalidParameter('title, url');
  const length = Array.from(link.title).length;
  if (length < 1 || length > TITLE_LIMIT) return invalidParameter('title');
  if (!isLinkable(settings, link.url)) return invalidParameter('url');
  return emojiRefusal(settings, { what: 'title', text: link.title });
}

function isLinkable({ linkProtocols }: Settings, url: string): boolean {
  return linkProtocols.some((protocol) => url.startsWith(`${protocol}://`));
}

function timingOf({ plan, settings }: Call): Timing {
  return {
    afterSeconds: plan.storedAfterSeconds,
    listDelaySeconds: plan.listDelaySeconds || settings.listDelaySeconds,
  };
}

/** The pages show the element itself; the SDK a list of those that succeeded, and one of those that failed. */
function framed({ linkAnswer }: Settings): (named: Element[]) => Reply {
  return (named) => {
    if (linkAnswer === 'sdk') return success({ success: named, fail: [] });
    return success(named.length === 1 ? named[0] : named);
  };
}

/** What an answer to a change or a deletion names: ids alone. */
function identified(settings: Settings, id: string) {
  const frame = (named: Element[]): Reply => {
    const ids = named.map((one) => one['id']);
    return success(settings.linkAnswer === 'docs' ? ids : { success: ids, fail: [] });
  };
  const named: Element[] = [{ id }];
  return { named, held: () => named, frame };
}

/** What IPD answers for a link that is gone is not documented. */
function goneFrom({ linkAnswer }: Settings, id: string): Done {
  return linkAnswer === 'docs'
    ? refused(failedWithin200('error', 'The link does not exist.'))
    : refused(success({ success: [], fail: [id] }));
}

function refused(reply: Reply = invalidParameter('body')): Done {
  return { reply, isRefused: true };
}

/** PageVO: numbers in the newer SDK, texts in the older. */
function pageOf({ linkAnswer }: Settings, count: number): Element {
  const page = { page: 1, size: Math.max(count, 1), count };
  if (linkAnswer === 'docs') return page;
  return Object.fromEntries(Object.entries(page).map(([name, value]) => [name, String(value)]));
}

/** ThirdPartyAssociatedDTO. */
function listedElement(link: Link): Element {
  const { id, title, url } = link;
  return { id, title, url, domain_id: 'd'.repeat(32), created_by: USER.id, created_date: dateOf(link) };
}

/** CreateThirdPartyAssociateDTO. */
function createdElement(link: Link): Element {
  return {
    ...listedElement(link),
    type: 'thirdParty',
    category: 'thirdParty',
    state: 'normal',
    region: 'cn-north-4',
    tenant_id: 'd'.repeat(32),
    workitem_id: link.issueId,
    operation_id: '',
    modified_by: USER.id,
    modified_date: dateOf(link),
  };
}

const dateOf = ({ createdAt }: Link): string => String(Math.floor(createdAt));
