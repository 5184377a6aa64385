/**
 * Judges the links of uploads by what IPD holds, what storage keeps and what a browser gets: one that works for each
 * upload that is delivered as a link, and none for any other. Which links are an upload's is read from their URLs; whether
 * one works is tried. It reads and judges; it causes nothing.
 */
import { isFinal, MINUTE } from './oracle-reading.ts';
import type { UploadRecord } from './oracle-reading.ts';

/** A link as IPD holds it; times in milliseconds. */
export type HeldLink = {
  id: string;
  issueId: string;
  url: string;
  createdAt: number;
  /** A person made it. */
  isByPerson: boolean;
};

/** One upload as it is seen from outside. */
export type LinkExhibit = {
  record: UploadRecord;
  /** Of the bytes that its user sent. */
  sha256: string;
  /** Addresses of its link that its owner has seen. */
  urls: readonly string[];
  /** How often IPD has made two links of one request: the product learns of the second only when it reads the list again. */
  copiesByIpd: number;
  /** Who may have taken it back: `owner`, `operator`, `expiry`. */
  mayBeRemovedBy: ReadonlySet<string>;
  /** By its size, or by what IPD has answered, it may end in a link, or must. */
  mayLink: boolean;
  mustLink: boolean;
};

export type LinkFacts = {
  nameOf: (id: string) => string;
  links: readonly HeldLink[];
  /** Links that people have deleted, by id. */
  deleted: ReadonlySet<string>;
  /** What a browser gets by an address: the SHA-256 of a file, or undefined. */
  followed: (url: string) => string | undefined;
  /** Storage's linked files by upload, as SHA-256. */
  files: ReadonlyMap<string, string>;
  /** Uploads whose links a person has to search for: the product has said so. */
  reported: ReadonlySet<string>;
};

export type LinkVerdict = {
  linked: number;
  removed: number;
  lost: number;
  duplicates: number;
  leftovers: number;
  findings: string[];
};

type Count = 'lost' | 'duplicates' | 'leftovers';

/** A person may copy a link that is being deleted at the same moment. */
const AT_ONCE = MINUTE;

/** All that is wrong. */
export function judgeLinks(exhibits: readonly LinkExhibit[], facts: LinkFacts): LinkVerdict {
  const verdict: LinkVerdict = { linked: 0, removed: 0, lost: 0, duplicates: 0, leftovers: 0, findings: [] };

  for (const exhibit of exhibits) {
    const { record, urls } = exhibit;
    const object = (count: Count, words: string): void => {
      verdict[count] += 1;
      verdict.findings.push(`${facts.nameOf(record.id)} ${words}`);
    };
    const own = facts.links.filter(({ url }) => url.includes(`/files/${record.id}/`));
    const made = own.filter(({ isByPerson }) => !isByPerson);
    if (record.status === 'delivered') {
      if (record.link !== undefined) {
        verdict.linked += 1;
        judgeLinked(exhibit, { own, made }, object);
      } else judgeAttached(exhibit, made, object);
      continue;
    }
    const working = [...urls, ...own.map(({ url }) => url)].filter(
      (url) => facts.followed(url) !== undefined,
    );
    if (working.length > 0) object('leftovers', `is ${record.status}, and its link works`);
    if (record.status === 'removed') {
      verdict.removed += 1;
      judgeRemoved(exhibit, own, object);
    } else if (made.length > 0 && isFinal(record) && record.doubt === undefined) {
      object('duplicates', `is ${record.status}, and has ${made.length} links`);
    }
  }
  return verdict;

  function judgeLinked(
    { record, sha256, copiesByIpd, mayLink }: LinkExhibit,
    { own, made }: { own: HeldLink[]; made: HeldLink[] },
    object: (count: Count, words: string) => void,
  ): void {
    const { id, issueId, link } = record;
    const named = own.find((one) => one.id === link?.id);
    if (!mayLink) object('lost', 'is delivered as a link, and IPD takes it');
    if (named === undefined && !facts.deleted.has(link?.id ?? '')) {
      object('lost', 'is delivered as a link that IPD does not have');
    }
    if (named !== undefined && named.issueId !== issueId) object('lost', 'has its link at another work item');
    if (named !== undefined && facts.followed(named.url) !== sha256) {
      object('lost', 'is delivered as a link that does not lead to its file');
    }
    if (facts.files.get(id) !== sha256) object('lost', 'is delivered as a link, and its file is not kept');
    const beyond = made.length - 1 - copiesByIpd;
    if (beyond > 0) object('duplicates', `has ${beyond} links too many`);
    if (made.some(({ url }) => facts.followed(url) === undefined)) {
      object('duplicates', 'has a link that leads nowhere');
    }
  }

  function judgeAttached(
    { mustLink }: LinkExhibit,
    made: HeldLink[],
    object: (count: Count, words: string) => void,
  ): void {
    if (made.length > 0) object('duplicates', `has an attachment and ${made.length} links`);
    if (mustLink) object('lost', 'is too large for an attachment, and is delivered as one');
  }

  /** What people copied after the link was taken back is theirs, and leads nowhere. */
  function judgeRemoved(
    { record, mayBeRemovedBy }: LinkExhibit,
    own: HeldLink[],
    object: (count: Count, words: string) => void,
  ): void {
    const { id, removal } = record;
    const left = own.filter(
      ({ isByPerson, createdAt }) => !isByPerson || createdAt < (removal?.at ?? 0) - AT_ONCE,
    );
    if (left.length > 0 && !facts.reported.has(id)) {
      object('leftovers', `is removed, and ${left.length} of its links are not`);
    }
    if (!mayBeRemovedBy.has(removal?.by ?? '')) object('lost', `was removed by ${removal?.by}`);
  }
}
