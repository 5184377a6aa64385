/**
 * Compares what IPD holds, byte for byte by SHA-256, with what the ledger says, once no work is left.
 * It reads and judges; it knows no fault but those that excuse an upload from being delivered.
 */
import type { Attachment } from '../../local/ipd/types.ts';
import { isFinal } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';

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
  upload: Upload;
  sha256: string;
  /** Storage has had its file, so it was accepted. */
  isAccepted: boolean;
  /** It may end without an attachment: IPD refused it for good, or its list is full. */
  isExcused: boolean;
};

/** Judges all uploads of one world. `deleted`: by people, after we sent them; `nameOf` gives an upload a name for people. */
export function judge(
  exhibits: readonly Exhibit[],
  { present, deleted = [] }: { present: readonly Attachment[]; deleted?: readonly Attachment[] },
  nameOf: (id: string) => string,
): Verdict {
  const findings: string[] = [];
  const failed: Record<string, number> = {};
  const held = new Map([...present, ...deleted].map((attachment) => [attachment.id, attachment]));
  const owners = new Map<string, string>();
  let delivered = 0;
  let undecided = 0;
  let lost = 0;
  let stuck = 0;

  for (const { upload, sha256, isAccepted, isExcused } of exhibits) {
    const { status, id } = upload;
    const name = nameOf(id);
    // A failed upload is kept for a retry; every other final upload must have no work left.
    if (!isFinal(upload) || (upload.dueAt !== undefined && status !== 'failed')) {
      stuck += 1;
      findings.push(`${name} is stuck in ${status}`);
    }
    if (status === 'delivered') delivered += 1;
    else {
      const code = status === 'failed' ? upload.lastError.code : status;
      failed[code] = (failed[code] ?? 0) + 1;
      if (code === 'outcome_unknown') undecided += 1;
    }
    if (status === 'delivered') {
      const attachmentId = upload.attachmentId ?? '';
      const attachment = held.get(attachmentId);
      const isLocal = attachment?.sha256 === sha256 && attachment.issueId === upload.issueId;
      const isTaken = owners.has(attachmentId);
      owners.set(attachmentId, id);
      if ((!isLocal || isTaken) && !(isExcused && upload.attachmentId === null)) {
        lost += 1;
        findings.push(
          `${name} is delivered as ${isTaken ? "another upload's attachment" : 'something else'}`,
        );
      }
    } else if (isAccepted && !isExcused && isFinal(upload) && status !== 'cancelled') {
      lost += 1;
      findings.push(
        `${name} ended as ${status} ${upload.lastError?.code ?? ''}: ${upload.lastError?.detail ?? ''}`,
      );
    }
  }

  const duplicates = countSurplus(exhibits, present, findings);
  return { uploads: exhibits.length, delivered, failed, undecided, lost, duplicates, stuck, findings };
}

/** Copies in IPD beyond one per upload that is delivered, in doubt or not final. */
function countSurplus(
  exhibits: readonly Exhibit[],
  attachments: readonly Attachment[],
  findings: string[],
): number {
  const allowed = new Map<string, number>();
  for (const { upload, sha256 } of exhibits) {
    const mayBeThere = upload.status === 'delivered' || upload.doubt !== undefined || !isFinal(upload);
    const key = `${upload.issueId} ${sha256}`;
    if (mayBeThere) allowed.set(key, (allowed.get(key) ?? 0) + 1);
  }
  let surplus = 0;
  /** IPD itself has stored one request twice. */
  const seen = new Set<string>();
  for (const { issueId, sha256, size, blob } of attachments) {
    if (seen.has(blob)) continue;
    seen.add(blob);
    const key = `${issueId} ${sha256}`;
    const left = (allowed.get(key) ?? 0) - 1;
    allowed.set(key, left);
    if (left >= 0) continue;
    surplus += 1;
    findings.push(`a copy of ${size} bytes too many`);
  }
  return surplus;
}
