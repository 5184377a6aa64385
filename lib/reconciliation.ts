/**
 * Which of a work item's attachments is ours, and making it ours. The list alone never says: a candidate has
 * our size, was not there before we sent anything, belongs to no other upload, and holds our bytes.
 * Never sends a file.
 */
import { createHash } from 'node:crypto';
import type { Clock } from './clock.ts';
import { createCollector } from './garbage.ts';
import { LIST_LIMIT } from './ipd/client.ts';
import type { IpdClient } from './ipd/client.ts';
import type { Failure } from './ipd/errors.ts';
import type { Ledger } from './ledger.ts';
import { delivered, nominate, noteForeign, rechecked } from './endings.ts';
import type { Staging } from './staging.ts';
import type { Telemetry } from './telemetry.ts';
import { stagingKey } from './upload.ts';
import type { Policy, Upload } from './upload.ts';

export type Reconciliation = ReturnType<typeof createReconciliation>;

export type Finding =
  /** These are ours, the oldest first. */
  | { kind: 'ours'; ids: [string, ...string[]] }
  /** None is ours. `known`: those of equal size; `isFull`: the list may hide some. */
  | { kind: 'none'; known: string[]; isFull: boolean }
  /** One may be ours, but IPD does not let us look into it. */
  | { kind: 'unproven'; detail: string }
  | Failure;

export function createReconciliation(parts: {
  ledger: Ledger;
  staging: Staging;
  clock: Clock;
  policy: Policy;
  telemetry: Telemetry;
}) {
  const { ledger, staging, clock, policy, telemetry } = parts;

  /**
   * Reads the work item. Before anything was sent there are no candidates, and what is there of equal size
   * becomes `known`. Throws what reading the staged file throws.
   */
  async function look(client: IpdClient, upload: Upload, signal: AbortSignal): Promise<Finding> {
    const listed = await client.list(upload, signal);
    if ('kind' in listed) return listed;
    const sameSize = listed.attachments.filter(({ size }) => size === upload.size).map(({ id }) => id);
    const none: Finding = { kind: 'none', known: sameSize, isFull: listed.attachments.length >= LIST_LIMIT };
    if (upload.known === undefined) return none;
    const settled = new Set([...upload.known, ...(upload.foreign ?? []), ...ownIds(upload)]);
    const candidates = await unclaimed(
      upload,
      sameSize.filter((id) => !settled.has(id)),
    );
    if (candidates.length === 0) return none;
    return prove(client, upload, { candidates, none, signal });
  }

  async function unclaimed(upload: Upload, ids: string[]): Promise<string[]> {
    const claims = await ledger.findClaims(ids);
    return ids.filter((id) => (claims.get(id) ?? upload.id) === upload.id);
  }

  /** Downloads each candidate and compares; those of others are remembered, so that nothing is downloaded twice. */
  async function prove(
    client: IpdClient,
    upload: Upload,
    { candidates, none, signal }: { candidates: string[]; none: Finding; signal: AbortSignal },
  ): Promise<Finding> {
    const expected = upload.sha256 ?? upload.sentSha256 ?? (await hashStaged(upload, signal));
    const ours: string[] = [];
    let unproven: string | undefined;
    for (const id of candidates) {
      const file = await client.download({ projectId: upload.projectId, id }, signal);
      if (file.kind === 'refused') unproven = file.detail;
      else if (file.kind !== 'file') return file;
      else {
        const hash = await hashOf(file.body, upload.size);
        if (typeof hash !== 'string') return hash;
        if (hash === expected) ours.push(id);
        else await ledger.change(upload.id, (before) => noteForeign(before, [id]));
      }
    }
    const [first, ...more] = ours;
    if (first !== undefined) return { kind: 'ours', ids: [first, ...more] };
    // One that may not be looked into may be ours: while IPD may have the file, that settles nothing.
    return unproven === undefined || upload.doubt === undefined
      ? none
      : { kind: 'unproven', detail: unproven };
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

  /** Makes an attachment ours. In this order a crash leaves something that can be finished: candidate, claim, state. */
  async function own(uploadId: string, attachmentId: string): Promise<Upload> {
    const { upload: nominated } = await ledger.change(uploadId, (before) =>
      nominate(before, { attachmentId, now: clock.now() }),
    );
    await claim(nominated, attachmentId);
    if (nominated.duplicates?.includes(attachmentId)) alarm(nominated, attachmentId);
    const mine = nominated.candidate ?? attachmentId;
    if (mine !== attachmentId) await claim(nominated, mine);
    const now = clock.now();
    const { upload } = await ledger.change(nominated, (before) =>
      delivered(before, { attachmentId: mine, now, policy }),
    );
    return upload;
  }

  /** A window after a resend: has the first copy shown up after all? IPD cannot delete, so a person has to know. */
  async function recheck(client: IpdClient, upload: Upload, signal: AbortSignal): Promise<void> {
    if (upload.status !== 'delivered' || upload.recheckAt === undefined) return;
    if (clock.now() < Date.parse(upload.recheckAt)) return;
    const finding = await look(client, upload, signal);
    // What cannot be read now is read when the sweep comes back to it; what is gone for good holds no copies.
    if (finding.kind !== 'none' && finding.kind !== 'ours' && finding.kind !== 'refused') return;
    const duplicates = finding.kind === 'ours' ? finding.ids : [];
    for (const id of duplicates) {
      await claim(upload, id);
      alarm(upload, id);
    }
    // Whoever was to do it may have died; afterwards nobody comes back to it.
    await staging.remove(stagingKey(upload.id));
    await ledger.change(upload, (before) => rechecked(before, { duplicates }));
  }

  async function claim(upload: Upload, attachmentId: string): Promise<void> {
    const owner = await ledger.claimAttachment(attachmentId, upload.id);
    if (owner === upload.id) return;
    telemetry.error('attachment belongs to another upload', new Error('double claim'), {
      uploadId: upload.id,
      owner,
      attachmentId,
    });
  }

  function alarm(upload: Upload, attachmentId: string): void {
    telemetry.error('duplicate attachment', new Error('duplicate'), { uploadId: upload.id, attachmentId });
  }

  return { look, own, recheck };
}

function ownIds(upload: Upload): string[] {
  const id = upload.status === 'delivered' ? upload.attachmentId : null;
  return [...(id === null ? [] : [id]), ...(upload.duplicates ?? [])];
}

/** A download that breaks off proves nothing, nor does one of another length: that is some proxy's page, not the file. */
async function hashOf(body: AsyncIterable<Uint8Array>, size: number): Promise<string | Failure> {
  const hash = createHash('sha256');
  const collect = createCollector();
  let bytes = 0;
  try {
    for await (const chunk of body) {
      collect(chunk);
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch {
    return { kind: 'unavailable', detail: 'the download of an attachment broke off' };
  }
  if (bytes === size) return hash.digest('hex');
  return { kind: 'unavailable', detail: `the download of an attachment gave ${bytes} of ${size} bytes` };
}
