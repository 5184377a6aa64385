/**
 * The oracle's verdict on one schedule: puts before its judges what IPD holds and has answered, what storage was given
 * and holds, and what the API answered. Excuses nothing: the only legal ends but an attachment follow from IPD's answers.
 */
import type { IpdContact } from './chronicle.ts';
import { judge } from './oracle.ts';
import type { Exhibit, Verdict } from './oracle.ts';
import { bytesOffered, codesOfOffer, judgeIngestion, nameOffered } from './oracle-ingestion.ts';
import type { Ingested } from './oracle-ingestion.ts';
import { judgeNotifications, judgeStorage } from './oracle-at-rest.ts';
import { judgeRate, judgeRequests, judgeSweeps } from './oracle-effort.ts';
import { judgeLinks } from './oracle-links.ts';
import type { LinkExhibit, LinkVerdict } from './oracle-links.ts';
import { judgeLife, restBy } from './oracle-liveness.ts';
import { isFinal, keyOf, linkedKeyOf, MINUTE } from './oracle-reading.ts';
import type { UploadRecord, Version } from './oracle-reading.ts';
import { LARGEST_FILE } from './producers.ts';
import { sha256Of } from './readers.ts';
import { projectId } from './users.ts';
import type { Followings, Story } from './users.ts';
import type { World } from './world.ts';

export type WholeVerdict = Verdict & {
  /** Of the delivered uploads, those that are links; and uploads that were delivered as links and taken back. */
  linked: number;
  removed: number;
  /** Uploads without a notification of their end. */
  untold: number;
  /** Files and parts in storage that no upload needs. */
  leftovers: number;
  /** Uploads for which the product did something later than it promises. */
  late: number;
  /** Uploads, or whole worlds, for which the product asked IPD or read its ledger too often. */
  costly: number;
};

/** The code that each of IPD's clear refusals leads to, and a list that is full. */
const CODES: Record<string, string> = {
  error200: 'ipd_refused',
  failed200: 'ipd_refused',
  emojiRefused: 'name_refused',
  bodyTooLarge: 'too_large_for_ipd',
  noPermission: 'ipd_forbidden',
  notAllowed: 'ipd_forbidden',
  projectMissing: 'work_item_missing',
  listOf: 'work_item_full',
};
/** For a link, a want of permission has a code of its own. */
const CODES_OF_LINKS: Record<string, string> = {
  error200: 'ipd_refused',
  failed200: 'ipd_refused',
  namedAsFailed: 'ipd_refused',
  noPermission: 'link_forbidden',
  notAllowed: 'link_forbidden',
  projectMissing: 'work_item_missing',
};
/** The list may hide the file: in doubt, no check can find out. */
const FULL_LIST = 'listOf';
/** A list of links that is none may hide the link, and no other one can be had. */
const NO_LIST = 'nullResult';
/** An attachment that cannot be downloaded may be another's; a link that cannot be deleted is reported; a comment may fail. */
const PROVE_NOTHING: ReadonlySet<string> = new Set(['download', 'linkDelete', 'commentCreate']);
/** With these answers a file ends in a link, where links are on and nothing was sent before. */
const MAKE_LINKS: Record<string, string> = { work_item_full: 'listOf', too_large_for_ipd: 'bodyTooLarge' };
/** A name that IPD refused is tried once more in a plainer form. */
const TRIED_AGAIN = 'emojiRefused';
/**
 * Judges a world in which no work is left, or should be. `quietFrom`: when the last fault ended; `copiesByIpd`: how many
 * copies IPD has made by itself.
 */
export function judgeWorld(
  world: World,
  stories: readonly Story[],
  {
    quietFrom,
    followings = new Map(),
    copiesByIpd = 0,
  }: { quietFrom: number; followings?: Followings; copiesByIpd?: number },
): WholeVerdict {
  const { chronicle, trace, topic, objects, people, scanner, strays, time, given, linking } = world;
  const { nameOf } = trace;
  const now = time.now();
  const storyOf = new Map(stories.map((story) => [story.uploadId, story]));
  const histories = chronicle.histories();
  const records = world.records();
  const offers = offersIn(world);
  const exhibits = records.map((record): Exhibit => {
    const story = storyOf.get(record.id);
    // A user whose call of IPD's own route got no answer does not know the upload, but storage has its file.
    const stored = given.get(keyOf(record.id));
    // Other bytes were put in place of the file: what IPD has cannot be compared any more.
    const isReplaced = objects.replaced().has(keyOf(record.id));
    const contacts = chronicle.contactsOf(record.id);
    const answers = answersIn(lastLifeOf(histories.get(record.id) ?? []), contacts);
    const isLinking = linking !== undefined;
    return {
      record,
      sha256:
        story?.sha256 ??
        bytesOffered(record, histories.get(record.id) ?? [], offers.stays) ??
        stored?.sha256 ??
        '',
      isAccepted: story?.storedAt !== undefined || stored !== undefined,
      mayBeNameless: isReplaced || answers.some(({ operation }) => operation === 'list'),
      mayFailAs: new Set([
        ...answers.flatMap(codesOf).filter((code) => !mustLink(code, { answers, contacts, isLinking })),
        ...(isLinking && hidesLinks(world, contacts) ? ['outcome_unknown'] : []),
        // The file is longer than the session allows: its parts are never joined.
        ...(story?.plan.isTooLong === true ? ['size_mismatch'] : []),
        ...(isReplaced ? ['staged_file_changed', 'outcome_unknown'] : []),
        ...scanner.codesOf(keyOf(record.id)),
        ...codesOfOffer(record, offers),
      ]),
    };
  });
  const verdict = judge(exhibits, people.attachmentsOfProduct(), {
    nameOf,
    copiesByIpd,
    deleted: people.deleted(),
  });
  const { findings } = verdict;
  findings.push(...world.surprises);
  let late = 0;
  let costly = 0;
  for (const record of records) {
    const { id, status } = record;
    const name = nameOf(id);
    const offeredName = nameOffered(record);
    if (status === 'delivered' && offeredName !== undefined && record.filename !== offeredName) {
      findings.push(`${name} was offered as ${offeredName}, and is ${record.filename}`);
    }
    const story = storyOf.get(id);
    const versions = histories.get(id) ?? [];
    const contacts = chronicle.contactsOf(id);
    if (status === 'delivered' && story?.plan.isTooLong === true) {
      findings.push(`${name} is longer than its session allows`);
    }
    if (status === 'delivered' && scanner.forbids(keyOf(id))) {
      findings.push(`${name} is delivered, and the scan did not pass it`);
    }
    if (story?.endedAs !== undefined && status !== story.endedAs) {
      findings.push(`${name} is ${status}, and the API said that it is ${story.endedAs}`);
    }
    if (story?.attachmentId !== undefined && story.attachmentId !== record.attachmentId) {
      findings.push(`${name} is ${status}, and the API named another attachment`);
    }
    if (story !== undefined && !isShown(story.seen, record)) {
      findings.push(`${name} is ${status}, and the API shows ${story.seen?.status ?? 'nothing'}`);
    }
    const ignored = ignoredRefusal(record, contacts, lastLifeOf(versions));
    // Offered again, it was refused by the bridge, which is the last word then.
    const isRefusedOffer = record.lastError?.code.startsWith('ingest_') === true;
    // A function may die with IPD's answer, and the next one finds other bytes before it asks IPD.
    const isOtherFile = record.lastError?.code === 'staged_file_changed' && objects.replaced().has(keyOf(id));
    if (ignored !== undefined && !isRefusedOffer && !isOtherFile)
      findings.push(`${name} is ${status}, though IPD's last word was ${ignored}`);
    const life = {
      versions,
      storedAt: story?.storedAt ?? given.get(keyOf(id))?.at,
      files: chronicle.filesUnder(keyOf(id)),
      linkedFiles: chronicle.filesUnder(linkedKeyOf(id)),
      notifications: chronicle.published.filter(({ message }) => message.upload.id === id),
      isStray: strays.has(keyOf(id)),
      isDeleted:
        people
          .deleted()
          .some(({ issueId, sha256 }) => issueId === record.issueId && sha256 === story?.sha256) ||
        people.deletedLinks().some(({ url }) => url.includes(id)),
    };
    const delays = judgeLife(life, { quietFrom, now });
    const isKept = status === 'delivered' && record.dueAt === record.link?.expiresAt;
    if (isFinal(record) && record.dueAt !== undefined && status !== 'failed' && !isKept) {
      const ended = versions.findLast((version) => version.record.status !== status)?.at ?? 0;
      if (now > restBy(record, Math.max(ended, quietFrom))) delays.push('still has work left');
    }
    late += Number(delays.length > 0);
    const extra = judgeRequests(contacts, versions);
    costly += Number(extra.length > 0);
    findings.push(...[...delays, ...extra].map((words) => `${name} ${words}`));
  }
  const waste = [...judgeRate(chronicle.requests, world.ratePerMinute), ...judgeSweeps(chronicle.sweeps)];
  costly += waste.length;
  const endings = [...histories.values()].flat().map(({ record }) => record);
  const notified = judgeNotifications(
    {
      records,
      messages: topic.messages,
      endings: endings.filter(({ notification }) => notification !== undefined),
    },
    nameOf,
  );
  const tidiness = judgeStorage(
    { records, keys: objects.keys(), strays, begun: objects.begun(), now },
    nameOf,
  );
  const ingestion = judgeIngestion(offers, nameOf);
  const links = judgeLinksOf(world, { exhibits, storyOf, followings, histories });
  const sources = falseSources(world, storyOf);
  findings.push(...waste, ...notified.findings, ...tidiness.findings, ...ingestion.findings, ...sources);
  findings.push(...links.findings);
  return {
    ...verdict,
    linked: links.linked,
    removed: links.removed,
    lost: verdict.lost + ingestion.lost + links.lost,
    duplicates: verdict.duplicates + ingestion.duplicates + links.duplicates,
    stuck: verdict.stuck + ingestion.stuck,
    untold: notified.untold + ingestion.untold,
    leftovers: tidiness.leftovers + ingestion.leftovers + links.leftovers,
    late,
    costly,
  };
}

/** Puts the links in IPD, the linked files and what a browser gets before their judge. */
function judgeLinksOf(
  world: World,
  {
    exhibits,
    storyOf,
    followings,
    histories,
  }: {
    exhibits: readonly Exhibit[];
    storyOf: ReadonlyMap<string | undefined, Story>;
    followings: Followings;
    histories: ReadonlyMap<string, readonly Version[]>;
  },
): LinkVerdict {
  const { chronicle, trace, ipd, people, linking, time } = world;
  const now = time.now();
  // Before an upload has a record, IPD is asked about its work item for none.
  const wasFullBefore = chronicle.contactsOf('').some(({ fault }) => fault === FULL_LIST);
  const ofLinks = exhibits.map(({ record, sha256 }): LinkExhibit => {
    const story = storyOf.get(record.id);
    const contacts = chronicle.contactsOf(record.id);
    const isLarge = record.size > (linking?.most ?? Infinity);
    const ends = (histories.get(record.id) ?? []).flatMap((one) => one.record.link?.expiresAt ?? []);
    const { byOwner, byOperator } = story?.takenBack ?? {};
    const isMade = contacts.some(({ fault = '' }) => Object.values(MAKE_LINKS).includes(fault));
    return {
      record,
      sha256,
      urls: [...(story?.urls ?? [])],
      copiesByIpd: contacts.filter(
        ({ operation, fault }) => operation === 'linkCreate' && fault === 'storedTwice',
      ).length,
      mayBeRemovedBy: new Set([
        ...(byOwner === undefined ? [] : ['owner']),
        ...(byOperator === undefined ? [] : ['operator']),
        // The clock of a sweep may be wrong, and it reads ahead.
        ...(ends.some((at) => at < now + 2 * MINUTE) ? ['expiry'] : []),
      ]),
      mayLink: linking !== undefined && (isLarge || isMade || wasFullBefore),
      mustLink: isLarge,
    };
  });
  return judgeLinks(ofLinks, {
    nameOf: trace.nameOf,
    links: ipd.admin
      .links()
      .filter(({ createdAt }) => createdAt <= now)
      .map((link) => ({ ...link, isByPerson: people.isOwnLink(link.id) })),
    deleted: new Set(people.deletedLinks().map(({ id }) => id)),
    followed: (url) => {
      const got = followings.get(url);
      return got?.kind === 'file' ? sha256Of(got.bytes) : undefined;
    },
    files: world.linkedFiles(),
    reported: world.reported,
  });
}

/** Whether this end was not to be: the file had to end in a link, since nothing was sent before IPD said so. */
function mustLink(
  code: string,
  {
    answers,
    contacts,
    isLinking,
  }: { answers: readonly IpdContact[]; contacts: readonly IpdContact[]; isLinking: boolean },
): boolean {
  const fault = MAKE_LINKS[code];
  if (!isLinking || fault === undefined) return false;
  const since = answers.find((answer) => answer.fault === fault)?.at ?? 0;
  return !contacts.some(({ operation, at }) => operation === 'upload' && at < since);
}

/** Whether IPD may have hidden a link of the upload: its list was cut, or none at all. */
function hidesLinks({ linking }: World, contacts: readonly IpdContact[]): boolean {
  const isNone = contacts.some(({ operation, fault }) => operation === 'linkList' && fault === NO_LIST);
  return isNone || linking?.shown !== undefined;
}

/** What producers have offered so far, and what became of it. */
export function offersIn(world: World): Ingested {
  const { chronicle, offered, ingestQueue, time } = world;
  return {
    records: world.records(),
    histories: chronicle.histories(),
    published: chronicle.published,
    stays: offered.stays,
    sent: offered.sent,
    dead: ingestQueue.dead.map(({ body }) => body),
    openProject: projectId,
    largest: LARGEST_FILE,
    now: time.now(),
  };
}

/** Notifications that name another way than the one by which the file came. */
function falseSources({ topic, records, trace }: World, storyOf: Map<string | undefined, Story>): string[] {
  const byId = new Map(records().map((record) => [record.id, record]));
  return topic.messages.flatMap(({ type, upload: { id, source } }) => {
    const record = byId.get(id);
    const came = record?.source;
    const isTrue =
      (came === undefined ? waysOf(storyOf.get(id)).includes(source.kind) : came.kind === source.kind) &&
      source.key === (came?.kind === 'drop' ? came.key : undefined) &&
      source.requestId === (came?.kind === 'request' ? came.requestId : undefined);
    return isTrue ? [] : [`${type} of ${trace.nameOf(id)} names the source ${JSON.stringify(source)}`];
  });
}

/** The ways by which the upload of a user may have come. One whose creation got no answer is in no story. */
function waysOf(story: Story | undefined): string[] {
  if (story === undefined) return ['api', 'uppy'];
  return story.plan.mode === 'page form' || story.plan.mode === 'page parts' ? ['uppy'] : ['api'];
}

/** A user sees the state, the attachment or the link, and the reason that are on the record. */
function isShown(
  seen: Story['seen'],
  { status, attachmentId, link, removal, lastError }: UploadRecord,
): boolean {
  const isDelivered = status === 'delivered';
  const isAttached = seen?.attachment?.id === (isDelivered && link === undefined ? attachmentId : undefined);
  const isLinked = seen?.link?.id === (isDelivered ? link?.id : undefined);
  const isRemoved = seen?.removal?.by === removal?.by;
  return (
    seen?.status === status && isAttached && isLinked && isRemoved && seen.error?.code === lastError?.code
  );
}

/** From the last time that the upload was tried again, or its creation, to its end. */
type LastLife = { begun: number; ended: number };

function lastLifeOf(versions: readonly Version[]): LastLife {
  const retried = versions.findLastIndex(
    ({ record }, index) => record.status !== 'failed' && versions[index - 1]?.record.status === 'failed',
  );
  const ended = versions.findLast(
    ({ record }, index) => isFinal(record) && versions[index - 1]?.record.status !== record.status,
  );
  return { begun: versions[Math.max(retried, 0)]?.at ?? 0, ended: ended?.at ?? Infinity };
}

/** The requests of this life that IPD refused for good, or answered with a full list. */
function answersIn({ begun, ended }: LastLife, contacts: readonly IpdContact[]): IpdContact[] {
  return contacts.filter(
    (contact) => contact.at >= begun && contact.at <= ended && codeOf(contact) !== undefined,
  );
}

/** How an upload ends that IPD answers so. */
function codeOf({ operation, fault = '' }: IpdContact): string | undefined {
  if (PROVE_NOTHING.has(operation)) return undefined;
  return (operation.startsWith('link') ? CODES_OF_LINKS : CODES)[fault];
}

/** The codes that such an answer justifies. */
function codesOf(contact: IpdContact): string[] {
  return [codeOf(contact) ?? [], contact.fault === FULL_LIST ? 'outcome_unknown' : []].flat();
}

/** A clear refusal after which IPD was not asked again, and which is not how the upload ended. */
function ignoredRefusal(
  { status, lastError }: UploadRecord,
  contacts: readonly IpdContact[],
  { begun, ended }: LastLife,
): string | undefined {
  const last = contacts.at(-1);
  const { fault = '', isAnswered = false, at = 0 } = last ?? {};
  const code = last && codeOf(last);
  const isClear = code !== undefined && isAnswered && fault !== TRIED_AGAIN && fault !== FULL_LIST;
  // The upload had ended, or was cancelled, before IPD answered.
  if (!isClear || at < begun || at > ended || status === 'cancelled' || status === 'removed')
    return undefined;
  return status === 'failed' && lastError?.code === code ? undefined : fault;
}
