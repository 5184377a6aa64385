/**
 * Which of a work item's attachments is ours, and making it ours. Neither the list nor IPD's answer says so alone: a
 * candidate has our size or an unknown one, was not there before we sent anything, belongs to no other upload, and holds
 * our bytes. Never sends a file.
 */
import { createHash } from 'node:crypto';
import { rejectCandidate } from '../domain/attempts.ts';
import type { Clock } from '../runtime/clock.ts';
import * as endings from '../domain/endings.ts';
import { AppError } from '../domain/errors.ts';
import { createCollector } from '../runtime/garbage.ts';
import { LIST_LIMIT } from '../ipd/client.ts';
import type { IpdClient, Stored } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';
import type { Attachments } from '../ledger/attachments.ts';
import type { Ledger } from '../ledger/uploads.ts';
import type { WorkItems } from '../ledger/work-items.ts';
import type { Staging } from '../storage/staged-files.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { stagingKey } from '../domain/upload.ts';
import type { Policy, Upload } from '../domain/upload.ts';

export type Reconciliation = ReturnType<typeof createReconciliation>;

/** Attachments that are ours: one, and further copies of it. */
export type Match = {
  attachmentId: string;
  copies?: string[];
  /** Of the staged file, where it had to be read for that. */
  sha256?: string | undefined;
  /** IPD's own answer to our request names it. */
  isNamed?: boolean;
};

/** What a list says before anything is compared by bytes. */
export type Reading = {
  /** All that it shows. */
  listed: string[];
  /** Those of equal or unknown size. */
  known: string[];
  /** It may hide some. */
  isFull: boolean;
};

export type Finding =
  | ({ kind: 'ours' } & Match)
  | ({ kind: 'none' } & Reading)
  /** One may be ours, but IPD does not let us look into it. */
  | { kind: 'unproven'; detail: string }
  /** There are more to look into than one look takes. */
  | { kind: 'unfinished'; hasProgress: boolean; detail: string }
  /** IPD gave no list, where the absence of ours would have to be proved. */
  | { kind: 'unread'; detail: string }
  | Failure;

/** Each may be as large as the file: a look has to end within the time of one delivery. */
const DOWNLOADS_A_LOOK = 5;
const NO_FILE = 'the download of an attachment was answered with something else';

export function createReconciliation(parts: {
  ledger: Ledger;
  attachments: Attachments;
  workItems: WorkItems;
  staging: Staging;
  clock: Clock;
  policy: Policy;
  telemetry: Telemetry;
}) {
  const { ledger, attachments, workItems, staging, clock, policy, telemetry } = parts;
  const moment = () => ({ now: clock.now(), policy });

  /**
   * Reads the work item. Before anything was sent there are no candidates, and what is there of equal or unknown size
   * becomes `known`. Throws what reading the staged file throws.
   */
  async function look(client: IpdClient, upload: Upload, signal: AbortSignal): Promise<Finding> {
    const listed = await client.list(upload, signal);
    if ('kind' in listed) return listed;
    const { attachments: shown, isGiven } = listed;
    if (!isGiven && needsProof(upload)) return { kind: 'unread', detail: 'IPD gave no list of attachments' };
    const known = shown.filter(({ size }) => size === undefined || size === upload.size);
    const none: Finding = {
      kind: 'none',
      listed: shown.map(({ id }) => id),
      known: known.map(({ id }) => id),
      isFull: shown.length >= LIST_LIMIT,
    };
    if (upload.known === undefined) return none;
    const settled = new Set([...upload.known, ...(upload.foreign ?? []), ...ownIds(upload)]);
    const fresh = known.filter(({ id }) => !settled.has(id));
    const claims = await attachments.findClaims(fresh.map(({ id }) => id));
    const candidates = fresh.filter(({ id }) => (claims.get(id) ?? upload.id) === upload.id);
    if (candidates.length === 0) return none;
    return prove(client, upload, { candidates, none, signal });
  }

  /** Downloads candidates and compares; those of others are remembered, so that nothing is downloaded twice. */
  async function prove(
    client: IpdClient,
    upload: Upload,
    {
      candidates,
      none,
      signal,
    }: { candidates: { id: string; size: number | undefined }[]; none: Finding; signal: AbortSignal },
  ): Promise<Finding> {
    const sha256 = upload.sha256 ?? upload.sentSha256 ?? (await hashStaged(upload, signal));
    const ours: string[] = [];
    let unproven: string | undefined;
    let compared = 0;
    for (const { id, size } of inTurn(candidates, upload.attempts).slice(0, DOWNLOADS_A_LOOK)) {
      const file = await client.download({ projectId: upload.projectId, id }, signal);
      if (file.kind === 'refused') unproven = file.detail;
      else if (file.kind !== 'file') return file;
      else {
        const content = await hashOf(file.body, upload.size);
        if (content.kind !== 'content') return content;
        const isOfLength = content.bytes === upload.size;
        // Where the list has our size, another length is no file, but what was said in its place.
        if (!isOfLength && size !== undefined) return { kind: 'unavailable', detail: NO_FILE };
        compared += 1;
        // So may a page be, and it may be a file of somebody's.
        if (!isOfLength && file.isPage) unproven = NO_FILE;
        else if (isOfLength && content.sha256 === sha256) ours.push(id);
        else await ledger.change(upload.id, (before) => endings.noteForeign(before, [id]));
      }
    }
    const [attachmentId, ...copies] = ours;
    if (attachmentId !== undefined) return { kind: 'ours', attachmentId, copies, sha256 };
    if (candidates.length > DOWNLOADS_A_LOOK) {
      const detail = `${candidates.length} attachments may be ours`;
      return { kind: 'unfinished', hasProgress: compared > 0, detail };
    }
    // One that cannot be looked into may be ours: where IPD may have a copy, that settles nothing.
    return unproven === undefined || !needsProof(upload) ? none : { kind: 'unproven', detail: unproven };
  }

  async function hashStaged(upload: Upload, signal: AbortSignal): Promise<string> {
    const hash = createHash('sha256');
    const key = stagingKey(upload.id);
    await staging.read({ key, etag: upload.etag ?? '', size: upload.size, signal }, (chunk) => {
      hash.update(chunk);
      return undefined;
    });
    return hash.digest('hex');
  }

  /**
   * The id that IPD's answer names, or null where it cannot be the one of this file: the list that was read before the
   * file was sent had it, or it has another size. Then the answer is a success without an id. Whether it is another
   * upload's is told by the claim.
   */
  function checkNamed(upload: Upload, { attachmentId, statedSize }: Stored, listed: string[]): string | null {
    if (attachmentId === null) return null;
    const before = new Set([...listed, ...(upload.known ?? []), ...(upload.foreign ?? [])]);
    const objection =
      (before.has(attachmentId) && 'names an attachment that was there before') ||
      (statedSize !== undefined && statedSize !== upload.size && 'names an attachment of another size');
    if (objection === false) return attachmentId;
    reportContradiction(upload, objection, attachmentId);
    return null;
  }

  /**
   * Makes an attachment ours. In this order a crash leaves something that can be finished: candidate, claim, state. One
   * that another upload has is given up, and looked for again.
   */
  async function own(uploadId: string, { attachmentId, copies = [], ...match }: Match): Promise<Upload> {
    const { upload: nominated } = await ledger.change(uploadId, (before) =>
      endings.nominate(before, { attachmentId, ...match, now: clock.now() }),
    );
    let current = await claim(nominated, attachmentId);
    if (current.duplicates?.includes(attachmentId)) reportDuplicate(current, attachmentId);
    // Another function has found another copy first.
    const { candidate } = current;
    if (candidate !== undefined && candidate !== attachmentId) current = await claim(current, candidate);
    const [next, ...rest] = copies;
    const isLost = current.candidate === undefined && current.foreign?.includes(attachmentId);
    // Another upload was faster: a further copy is as good.
    if (isLost && next !== undefined) return own(uploadId, { ...match, attachmentId: next, copies: rest });
    current = await ownCopies(current, copies);
    const mine = current.candidate ?? (current.foreign?.includes(attachmentId) ? undefined : attachmentId);
    if (mine === undefined) return current;
    const { upload } = await ledger.change(current, (before) =>
      endings.delivered(before, { attachmentId: mine, ...moment() }),
    );
    return upload;
  }

  /** Further copies of ours: claimed, so that no other upload takes one for its own, and told to a person. */
  async function ownCopies(upload: Upload, ids: string[]): Promise<Upload> {
    const owners = await Promise.all(ids.map((id) => attachments.claimAttachment(id, upload.id)));
    const duplicates = ids.filter((_id, index) => owners[index] === upload.id);
    if (duplicates.length === 0) return upload;
    const noted = await ledger.change(upload, (before) => endings.noteDuplicates(before, duplicates));
    for (const id of duplicates) reportDuplicate(upload, id);
    return noted.upload;
  }

  /**
   * A window after a resend: has the first copy shown up after all? IPD cannot delete, so a person has to know. Waits while
   * another upload holds the work item: its copy could be taken for ours. `until`: when this function is dead for sure.
   */
  async function recheck(
    client: IpdClient,
    upload: Upload,
    { until, signal }: { until: number; signal: AbortSignal },
  ): Promise<Finding | undefined> {
    const token = clock.uuid();
    const begun = await ledger.change(upload, (before) =>
      endings.beginRecheck(before, { token, until, now: clock.now() }),
    );
    if (!begun.changed) return undefined;
    try {
      if (!(await workItems.takeWorkItem(begun.upload))) return undefined;
      let current = begun.upload;
      let finding = await look(client, current, signal);
      while (finding.kind === 'ours') {
        const { attachmentId, copies = [] } = finding;
        const isNameless = current.status === 'delivered' && current.attachmentId === null;
        // What IPD had never named may show only now: then it is the one attachment, not a further copy.
        current = isNameless
          ? await own(current.id, { attachmentId, copies })
          : await ownCopies(current, [attachmentId, ...copies]);
        finding = await look(client, current, signal);
      }
      // What cannot be read now is read when the sweep comes back to it; what is gone for good holds no copies.
      if (finding.kind === 'none' || finding.kind === 'refused') {
        if (finding.kind === 'refused' && finding.code !== 'work_item_missing') {
          reportUnchecked(upload, new Error(finding.detail));
        }
        // The function that had to remove it may have died; no other comes back to it.
        await staging.remove(stagingKey(upload.id));
        await ledger.change(upload.id, endings.rechecked);
      }
      return finding;
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'staged_file_missing')) throw error;
      reportUnchecked(upload, error);
      await ledger.change(upload.id, endings.rechecked);
      return undefined;
    } finally {
      await ledger.change(upload.id, (before) => endings.putOffRecheck(before, { token }));
    }
  }

  /** Claims an attachment; one that another upload has is no candidate of ours any more. */
  async function claim(upload: Upload, attachmentId: string): Promise<Upload> {
    const owner = await attachments.claimAttachment(attachmentId, upload.id);
    if (owner === upload.id) return upload;
    reportContradiction(upload, 'one attachment seems to be that of two uploads', attachmentId);
    const { upload: after } = await ledger.change(upload, (before) =>
      rejectCandidate(before, { attachmentId, ...moment() }),
    );
    return after;
  }

  /** What IPD says cannot all be true: a person has to know, and so has the one who runs it. */
  function reportContradiction(upload: Upload, what: string, attachmentId?: string): void {
    telemetry.error('IPD contradicts itself', new Error(what), { uploadId: upload.id, attachmentId });
    telemetry.measure({ Contradictions: 1 });
  }

  function reportDuplicate(upload: Upload, attachmentId: string): void {
    telemetry.error('duplicate attachment', new Error('duplicate'), { uploadId: upload.id, attachmentId });
  }

  /** A person has to look at the work item in our place. */
  function reportUnchecked(upload: Upload, error: unknown): void {
    telemetry.error('a second copy cannot be looked for', error, { uploadId: upload.id });
    telemetry.measure({ Contradictions: 1 });
  }

  return { look, checkNamed, own, recheck, reportContradiction };
}

/** Where IPD may have a copy, a missing list must not pass for an empty one. How IPD lists nothing is not documented. */
function needsProof({ doubt, resent, status }: Upload): boolean {
  return status === 'delivered' || doubt !== undefined || resent === true;
}

/** Each attempt begins further on, so that those which cannot be looked into keep no other from its turn. */
function inTurn<T>(candidates: T[], attempts: number): T[] {
  if (candidates.length <= DOWNLOADS_A_LOOK) return candidates;
  const first = (attempts * DOWNLOADS_A_LOOK) % candidates.length;
  return [...candidates.slice(first), ...candidates.slice(0, first)];
}

function ownIds(upload: Upload): string[] {
  const id = upload.status === 'delivered' ? upload.attachmentId : null;
  return [...(id === null ? [] : [id]), ...(upload.duplicates ?? [])];
}

/** Reads no further than one byte past `size`; a download that breaks off says nothing. */
async function hashOf(
  body: AsyncIterable<Uint8Array>,
  size: number,
): Promise<{ kind: 'content'; sha256: string; bytes: number } | Failure> {
  const hash = createHash('sha256');
  const collect = createCollector();
  let bytes = 0;
  try {
    for await (const chunk of body) {
      collect(chunk);
      hash.update(chunk);
      bytes += chunk.length;
      if (bytes > size) break;
    }
  } catch {
    return { kind: 'unavailable', detail: 'the download of an attachment broke off' };
  }
  return { kind: 'content', sha256: hash.digest('hex'), bytes };
}
