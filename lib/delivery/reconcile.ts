/**
 * Finds which attachment of a work item is our file, and records it as such. Neither the list nor IPD's answer proves
 * that alone: a candidate has our size or an unknown one, was not there before we sent anything, belongs to no other
 * upload, and holds our bytes. Never sends a file.
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
import { isFileRemoved, stagingKey } from '../domain/upload.ts';
import type { Policy, Upload } from '../domain/upload.ts';

export type Reconciliation = ReturnType<typeof createReconciliation>;

/** Attachments that are our file: one, and further copies of it. */
export type Match = {
  attachmentId: string;
  copies?: string[];
  /** Of our file: the hash that proved the match. */
  sha256?: string | undefined;
  /** IPD's own answer to our request names it. */
  isNamed?: boolean;
  /** How IPD contradicts itself if this is our file; reported when the match is recorded. */
  contradiction?: string;
};

/** What a list says before anything is compared by bytes. */
export type Reading = {
  /** All that the list shows. */
  listed: string[];
  /** Those of equal or unknown size. */
  baseline: string[];
  /** IPD gave no list, which counts as an empty one. */
  isBaselineNull: boolean;
  /** The list is at its limit, so it may hide some. */
  isFull: boolean;
};

export type Finding =
  | ({ kind: 'match' } & Match)
  | ({ kind: 'none' } & Reading)
  /** One attachment may be our file, but we could not read its bytes. */
  | { kind: 'unproven'; detail: string }
  /** There are more candidates than one check downloads. */
  | { kind: 'unfinished'; hasProgress: boolean; detail: string }
  /** IPD gave no list, and only a list can prove that it does not have our file. */
  | { kind: 'unread'; detail: string }
  | Failure;

/** Each download may be as large as the file, and a check has to end within the time of one delivery. */
const DOWNLOADS_PER_CHECK = 5;
const NO_FILE = 'the download of an attachment was answered with something else';

export function createReconciliation(deps: {
  ledger: Ledger;
  attachments: Attachments;
  workItems: WorkItems;
  staging: Staging;
  clock: Clock;
  policy: Policy;
  telemetry: Telemetry;
}) {
  const { ledger, attachments, workItems, staging, clock, policy, telemetry } = deps;
  const moment = () => ({ now: clock.now(), policy });

  /**
   * Reads the work item. Before the first send there are no candidates: the attachments of equal or unknown size
   * become the baseline. Throws what reading the staged file throws.
   */
  async function check(client: IpdClient, upload: Upload, signal: AbortSignal): Promise<Finding> {
    const listed = await client.list(upload, signal);
    if (listed.kind !== 'listed') return listed;
    const { attachments: shown, isGiven } = listed;
    if (!isGiven && needsList(upload)) return { kind: 'unread', detail: 'IPD gave no list of attachments' };
    const similar = shown.filter(({ size }) => size === undefined || size === upload.size);
    const none: Finding = {
      kind: 'none',
      listed: shown.map(({ id }) => id),
      baseline: similar.map(({ id }) => id),
      isBaselineNull: !isGiven,
      isFull: shown.length >= LIST_LIMIT,
    };
    if (upload.baseline === undefined) return none;
    const excluded = new Set([...upload.baseline, ...(upload.mismatches ?? []), ...ownIds(upload)]);
    const fresh = similar.filter(({ id }) => !excluded.has(id));
    const claims = await attachments.findClaims(fresh.map(({ id }) => id));
    const candidates = fresh.filter(({ id }) => (claims.get(id) ?? upload.id) === upload.id);
    if (candidates.length === 0) return none;
    return prove(client, upload, { candidates, none, signal });
  }

  /** Downloads candidates and compares their bytes. Mismatches are recorded, so that none is downloaded twice. */
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
    const matches: string[] = [];
    let unproven: string | undefined;
    let hasProgress = false;
    for (const { id, size } of rotate(candidates, upload.attempts).slice(0, DOWNLOADS_PER_CHECK)) {
      const file = await client.download({ projectId: upload.projectId, id }, signal);
      if (file.kind === 'refused') unproven = file.detail;
      else if (file.kind !== 'file') return file;
      else {
        const content = await hashOf(file.body, upload.size);
        if (content.kind !== 'content') return content;
        // The list says our size: an answer of another length is not the file, but something sent in its place.
        const isOtherLength = size !== undefined && content.bytes !== upload.size;
        if (isOtherLength) return { kind: 'unavailable', detail: NO_FILE };
        hasProgress = true;
        if (content.sha256 === sha256) matches.push(id);
        // A page may be an error text in place of the file, of its length by chance, or another user's attachment.
        else if (file.isPage) unproven = NO_FILE;
        else await ledger.change(upload.id, (before) => endings.recordMismatches(before, [id]));
      }
    }
    const [attachmentId, ...copies] = matches;
    if (attachmentId !== undefined) return { kind: 'match', attachmentId, copies, sha256 };
    if (candidates.length > DOWNLOADS_PER_CHECK) {
      const detail = `${candidates.length} attachments may be this file`;
      return { kind: 'unfinished', hasProgress, detail };
    }
    // An attachment that we cannot read may be our file: while IPD may have a copy, the check proves nothing.
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
   * The id that IPD's answer names; null if it cannot be the id of this file, because the list showed it before the
   * file was sent or because it has another size. Null means a success without an id. Only the claim tells whether
   * the id belongs to another upload.
   */
  function checkNamed(upload: Upload, { attachmentId, statedSize }: Stored, listed: string[]): string | null {
    if (attachmentId === null) return null;
    const before = new Set([...listed, ...(upload.baseline ?? []), ...(upload.mismatches ?? [])]);
    const objection =
      (before.has(attachmentId) && 'names an attachment that was there before') ||
      (statedSize !== undefined && statedSize !== upload.size && 'names an attachment of another size');
    if (objection === false) return attachmentId;
    reportContradiction(upload, objection, attachmentId);
    return null;
  }

  /**
   * Records an attachment as this upload's, in an order that a later run can finish after a crash: candidate, claim, state. An
   * attachment that another upload has claimed is given up, and the list is checked again. A match that is not legal for
   * the holder of this lease is not recorded, and nothing is claimed.
   */
  async function recordMatch(
    uploadId: string,
    { attachmentId, copies = [], contradiction, ...match }: Match,
    token?: string,
  ): Promise<Upload> {
    const { changed, upload: nominated } = await ledger.change(uploadId, (before) =>
      endings.setCandidate(before, { attachmentId, ...match, token, now: clock.now() }),
    );
    if (!changed) return nominated;
    if (contradiction !== undefined) reportContradiction(nominated, contradiction, attachmentId);
    let current = await claim(nominated, attachmentId);
    if (current.duplicates?.includes(attachmentId)) reportDuplicate(current, attachmentId);
    // Another function has found another copy first.
    const { candidate } = current;
    if (candidate !== undefined && candidate !== attachmentId) current = await claim(current, candidate);
    // Another upload claimed this one first. The next check finds a further copy.
    if (current.candidate === undefined && current.mismatches?.includes(attachmentId)) return current;
    current = await recordCopies(current, copies);
    const matched = current.candidate ?? attachmentId;
    const { upload } = await ledger.change(current, (before) =>
      endings.markDelivered(before, { attachmentId: matched, ...moment() }),
    );
    return upload;
  }

  /** Claims further copies of our file, so that no other upload takes one for its own, and reports them. */
  async function recordCopies(upload: Upload, ids: string[]): Promise<Upload> {
    const owners = await Promise.all(ids.map((id) => attachments.claimAttachment(id, upload.id)));
    const duplicates = ids.filter((_id, index) => owners[index] === upload.id);
    if (duplicates.length === 0) return upload;
    const noted = await ledger.change(upload, (before) => endings.recordDuplicates(before, duplicates));
    for (const id of duplicates) reportDuplicate(upload, id);
    return noted.upload;
  }

  /**
   * One commit window after a resend, checks whether the first copy has appeared after all. IPD cannot delete, so a
   * person has to know. Does nothing while another upload holds the work item: its copy could be taken for this file.
   * `until`: when this function has surely ended.
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
      let finding = await check(client, current, signal);
      while (finding.kind === 'match') {
        // The lease may have ended before the list was read: an equal upload may have sent its file since.
        if (!(await workItems.takeWorkItem(current))) return undefined;
        const { attachmentId, copies = [] } = finding;
        const isNameless = current.status === 'delivered' && current.attachmentId === null;
        // An attachment whose id IPD never named may show only now: then it is our one attachment, not a further
        // copy.
        current = isNameless
          ? await recordMatch(current.id, { attachmentId, copies })
          : await recordCopies(current, [attachmentId, ...copies]);
        finding = await check(client, current, signal);
      }
      // A work item that cannot be read now is checked again when the sweep asks for it; one that is gone for good
      // holds no copies.
      if (finding.kind === 'none' || finding.kind === 'refused') {
        if (finding.kind === 'refused' && finding.code !== 'work_item_missing') {
          reportUnchecked(upload, new Error(finding.detail));
        }
        // The function that had to remove the staged file may have died, and no later run would remove it.
        if (!isFileRemoved(current)) await staging.remove(stagingKey(upload.id));
        await ledger.change(upload.id, (before) => endings.finishRecheck(endings.markFileRemoved(before)));
      }
      return finding;
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'staged_file_missing')) throw error;
      reportUnchecked(upload, error);
      await ledger.change(upload.id, endings.finishRecheck);
      return undefined;
    } finally {
      await ledger.change(upload.id, (before) => endings.postponeRecheck(before, { token }));
    }
  }

  /** Claims an attachment. If another upload has it, it is not our candidate any more. */
  async function claim(upload: Upload, attachmentId: string): Promise<Upload> {
    const owner = await attachments.claimAttachment(attachmentId, upload.id);
    if (owner === upload.id) return upload;
    reportContradiction(upload, 'one attachment seems to be that of two uploads', attachmentId);
    const { upload: after } = await ledger.change(upload, (before) =>
      rejectCandidate(before, { attachmentId, ...moment() }),
    );
    return after;
  }

  /** IPD's answers cannot all be true: reports that to the operators. */
  function reportContradiction(upload: Upload, what: string, attachmentId?: string): void {
    telemetry.error('IPD contradicts itself', new Error(what), { uploadId: upload.id, attachmentId });
    telemetry.addMetrics({ Contradictions: 1 });
  }

  function reportDuplicate(upload: Upload, attachmentId: string): void {
    telemetry.error('duplicate attachment', new Error('duplicate'), { uploadId: upload.id, attachmentId });
  }

  /** Reports that a person has to check the work item in our place. */
  function reportUnchecked(upload: Upload, error: unknown): void {
    telemetry.error('a second copy cannot be checked for', error, { uploadId: upload.id });
    telemetry.addMetrics({ Contradictions: 1 });
  }

  return { check, checkNamed, recordMatch, recheck, reportContradiction };
}

/**
 * Once IPD got the whole file, a missing list must not count as an empty one: IPD may have stored a file that it
 * refused. But how IPD lists nothing is not documented, and no work item may be locked out: where IPD gave no list
 * before the file was sent either, a missing list is an empty one until the upload is in doubt.
 */
function needsList(upload: Upload): boolean {
  return needsProof(upload) || (upload.baseline !== undefined && upload.isBaselineNull !== true);
}

/** While IPD may have a copy, what cannot be read must not count as another file. */
function needsProof({ doubt, resent }: Upload): boolean {
  return doubt !== undefined || resent === true;
}

/** Each attempt begins at a later candidate, so that candidates that cannot be read do not block the others. */
export function rotate<T>(candidates: T[], attempts: number): T[] {
  if (candidates.length <= DOWNLOADS_PER_CHECK) return candidates;
  const first = (attempts * DOWNLOADS_PER_CHECK) % candidates.length;
  return [...candidates.slice(first), ...candidates.slice(0, first)];
}

/** Null, where IPD named no id, is in no list. */
function ownIds(upload: Upload): (string | null)[] {
  return [upload.status === 'delivered' ? upload.attachmentId : null, ...(upload.duplicates ?? [])];
}

/** Reads no further than one byte past `size`. A download that breaks off proves nothing. */
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
