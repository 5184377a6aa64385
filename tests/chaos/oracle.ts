/**
 * Compares what IPD holds, byte for byte by SHA-256, with what the records say, once no work is left. It excuses no
 * upload: one that did not end as an attachment must have ended as an answer of IPD demands. It reads and judges.
 */
import type { Attachment } from '../../local/ipd/types.ts';
import { isFinal } from './oracle-reading.ts';
import type { UploadRecord } from './oracle-reading.ts';

export type Verdict = {
  uploads: number;
  delivered: number;
  failed: Record<string, number>;
  undecided: number;
  lost: number;
  duplicates: number;
  stuck: number;
  /** What is wrong, in words. */
  findings: string[];
};

/** One upload as the oracle knows it from outside. */
export type Exhibit = {
  record: UploadRecord;
  /** Of the bytes that its user sent. */
  sha256: string;
  /** Storage has had its file, so it was accepted. */
  isAccepted: boolean;
  /** The codes with which it may end as failed, by what IPD has answered since it was last tried again. */
  mayFailAs: ReadonlySet<string>;
  /** IPD's list was full, or refused, so the id of its attachment may never have been seen. */
  mayBeNameless: boolean;
};

/** What else the oracle is given. */
export type Facts = {
  nameOf: (id: string) => string;
  /** Copies that IPD itself has made, beside those of one request: files that it stored after its commit window. */
  copiesByIpd?: number;
  /** Attachments that other people have deleted. */
  deleted?: readonly Attachment[];
};

/** Judges all uploads of one world. */
export function judge(
  exhibits: readonly Exhibit[],
  attachments: readonly Attachment[],
  { nameOf, copiesByIpd = 0, deleted = [] }: Facts,
): Verdict {
  const findings: string[] = [];
  const failed: Record<string, number> = {};
  const ever = [...attachments, ...deleted];
  const held = new Map(ever.map((attachment) => [attachment.id, attachment]));
  const owners = new Map<string, string>();
  let delivered = 0;
  let undecided = 0;
  let lost = 0;
  let stuck = 0;

  for (const { record, sha256, isAccepted, mayFailAs, mayBeNameless } of exhibits) {
    const { status, id, lastError } = record;
    const name = nameOf(id);
    if (!isFinal(record) || !hasRest(record)) {
      stuck += 1;
      findings.push(`${name} is stuck in ${status}`);
    }
    if (status === 'delivered') {
      delivered += 1;
      // A link is judged in oracle-links.ts.
      if (record.link !== undefined) continue;
      const objection = objectionTo(record, { sha256, mayBeNameless });
      if (objection === undefined) continue;
      lost += 1;
      findings.push(`${name} is delivered as ${objection}`);
      continue;
    }
    if (status === 'removed') continue;
    const code = status === 'failed' ? (lastError?.code ?? '') : status;
    failed[code] = (failed[code] ?? 0) + 1;
    if (code === 'outcome_unknown') undecided += 1;
    if (!isFinal(record) || status === 'cancelled') continue;
    const isLegal = status === 'failed' ? mayFailAs.has(code) : !isAccepted;
    if (isLegal) continue;
    lost += 1;
    findings.push(`${name} ended as ${status} ${lastError?.code ?? ''}: ${lastError?.detail ?? ''}`);
  }

  /** Why this is not the upload's own attachment. */
  function objectionTo(
    { id, issueId, attachmentId }: UploadRecord,
    { sha256, mayBeNameless }: { sha256: string; mayBeNameless: boolean },
  ): string | undefined {
    if (typeof attachmentId !== 'string') {
      const isFile = (one: Attachment): boolean => one.issueId === issueId && one.sha256 === sha256;
      const isPlausible = deleted.some(isFile) || (mayBeNameless && attachments.some(isFile));
      return isPlausible ? undefined : 'an attachment without an id';
    }
    const attachment = held.get(attachmentId);
    if (owners.has(attachmentId)) return "another upload's attachment";
    owners.set(attachmentId, id);
    return attachment?.sha256 === sha256 && attachment.issueId === issueId ? undefined : 'something else';
  }

  const copies = countCopies(exhibits, { attachments, ever, copiesByIpd });
  findings.push(...copies.findings.map(([id, words]) => (id === '' ? words : `${nameOf(id)} ${words}`)));
  const { duplicates } = copies;
  return { uploads: exhibits.length, delivered, failed, undecided, lost, duplicates, stuck, findings };
}

/** A failed upload is kept for a retry, a link to its end; every other final upload must have no work left. */
function hasRest({ status, dueAt, link }: UploadRecord): boolean {
  return status === 'failed' || dueAt === undefined || (status === 'delivered' && dueAt === link?.expiresAt);
}

/**
 * Copies in IPD beyond one for each upload that is delivered as an attachment, in doubt or not final. Every one of them must be in the
 * `duplicates` of an upload with these bytes, and nothing else may be.
 */
function countCopies(
  exhibits: readonly Exhibit[],
  {
    attachments,
    ever,
    copiesByIpd,
  }: { attachments: readonly Attachment[]; ever: readonly Attachment[]; copiesByIpd: number },
): { duplicates: number; findings: [id: string, words: string][] } {
  const findings: [string, string][] = [];
  const groupOf = (issueId: string, sha256: string): string => `${issueId} ${sha256}`;
  const places = new Map<string, number>();
  const named = new Map<string, string>();
  const own = new Set(exhibits.map(({ record }) => record.attachmentId));
  for (const { record, sha256 } of exhibits) {
    const group = groupOf(record.issueId, sha256);
    const isLink = record.asLink !== undefined;
    const mayBeThere =
      !isLink && (record.status === 'delivered' || record.doubt !== undefined || !isFinal(record));
    if (mayBeThere) places.set(group, (places.get(group) ?? 0) + 1);
    for (const id of record.duplicates ?? []) {
      const there = ever.find((attachment) => attachment.id === id);
      const isCopy = there !== undefined && groupOf(there.issueId, there.sha256) === group && !own.has(id);
      if (!isCopy || named.has(id))
        findings.push([record.id, 'names a duplicate that is none, or is named twice']);
      named.set(id, record.id);
    }
  }
  const wrong = findings.length;
  let surplus = 0;
  let unnamed = 0;
  const groups = Map.groupBy(attachments, ({ issueId, sha256 }) => groupOf(issueId, sha256));
  for (const [group, copies] of groups) {
    const beyond = copies.length - (places.get(group) ?? 0);
    if (beyond <= 0) continue;
    // IPD has stored one request twice. The bridge learns that only from a check.
    const ofOneRequest = Math.min(copies.length - new Set(copies.map(({ blob }) => blob)).size, beyond);
    surplus += beyond - ofOneRequest;
    const hidden = beyond - Math.max(copies.filter(({ id }) => named.has(id)).length, ofOneRequest);
    if (hidden <= 0) continue;
    unnamed += hidden;
    findings.push([
      '',
      `${hidden} of ${copies.length} copies of ${copies[0]?.size} bytes are named by no upload`,
    ]);
  }
  const sentTwice = surplus - copiesByIpd;
  if (sentTwice > 0) findings.push(['', `${sentTwice} copies too many, which IPD did not make`]);
  return { duplicates: Math.max(sentTwice, unnamed, 0) + wrong, findings };
}
