/**
 * The file becomes an external link of its work item: a copy of it stays in storage, and the link leads there. The
 * upload's id in the URL tells which links lead to its file, so a lost answer is decided by a check, and a second link can be
 * deleted. Of several that work, the oldest stays.
 */
import { AppError } from '../domain/errors.ts';
import * as attempts from '../domain/attempts.ts';
import { resolvesDoubt } from '../domain/attempts.ts';
import type { Contact } from '../domain/breaker.ts';
import * as endings from '../domain/endings.ts';
import { linksOf, linkTitle } from '../domain/link.ts';
import type { Link } from '../domain/link.ts';
import type { IpdClient } from '../ipd/client.ts';
import type { Failure } from '../ipd/errors.ts';
import type { Ledger } from '../ledger/uploads.ts';
import type { Addresses } from '../links/addresses.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import type { LinkedFiles } from '../storage/linked-files.ts';
import { NOT_ASKED } from './leg.ts';
import type { Checked, Leg, Try } from './leg.ts';
import type { Outcome } from './outcome.ts';
import type { ScanGate } from './scan-gate.ts';
import { FENCE_MARGIN_MS } from './send.ts';
import type { Run } from './send.ts';
import { fieldsOf, isLeaseHolder } from '../domain/upload.ts';
import type { Delivering, Policy, Upload } from '../domain/upload.ts';

/** What IPD asks for where it refuses: the pages name one permission for each call, and which ones seems an accident. */
const PERMISSIONS = {
  list: 'codeartsreq:configuration:get',
  create: 'codeartsreq:workitem:list',
  delete: 'codeartsreq:plan:delete',
};

type Found = { kind: 'found'; current: Link[]; others: Link[]; isCut: boolean };

export function createLinkLeg(deps: {
  ledger: Ledger;
  linkedFiles: LinkedFiles;
  /** Undefined where linking is off: uploads that are to end in a link wait. */
  addresses: Addresses | undefined;
  scanGate: ScanGate;
  clock: Clock;
  policy: Policy;
  telemetry: Telemetry;
}): Leg {
  const { ledger, linkedFiles, scanGate, clock, policy, telemetry } = deps;
  const moment = () => ({ now: clock.now(), policy });

  /** Throws `ipd_unavailable` when the link key cannot be read, or linking is off. */
  async function addressOf(upload: Upload): Promise<string> {
    const { addresses } = deps;
    if (addresses === undefined) throw new AppError('ipd_unavailable', 'OVERSIZE is not link any more');
    try {
      return await addresses.urlOf(upload);
    } catch (cause) {
      telemetry.error('the link key cannot be read', cause);
      throw new AppError('ipd_unavailable', 'the link key cannot be read', { cause });
    }
  }

  async function read(
    client: IpdClient,
    upload: Upload,
    { url, signal }: { url: string; signal: AbortSignal },
  ): Promise<Found | Failure> {
    const listed = await client.listLinks(upload, signal);
    if (listed.kind !== 'listed') return forbiddenAsLink(listed, 'list');
    return { kind: 'found', ...linksOf(upload.id, url, listed.links), isCut: listed.isCut };
  }

  async function tryOnce(client: IpdClient, upload: Delivering, run: Run): Promise<Try> {
    const url = await addressOf(upload);
    // A reading proves what IPD had when it began.
    const begun = moment();
    const found = await read(client, upload, { url, signal: run.signal });
    const contact = contactOf(found);
    if (found.kind !== 'found') return { contact, result: readingOf(found, upload) };
    const [first, ...copies] = found.current;
    if (first !== undefined) {
      // Its copy went with the staged file if the upload was retried at the moment at which its time was over.
      await keepFile(upload, run);
      const links = [...copies, ...found.others];
      const isClean = await deleteAll(client, upload, { links, signal: run.signal });
      return { contact, result: { kind: 'linked', linkId: first.id, hasLeftover: !isClean } };
    }
    const objection = objectionTo(upload, found, begun);
    if (objection !== undefined) return { contact, result: objection };
    return { contact, result: await make(client, upload, { url, found, run }) };
  }

  async function keepFile(upload: Delivering, { signal }: Run): Promise<void> {
    const isHolder = async (): Promise<boolean> =>
      isLeaseHolder(await ledger.find(upload.id), upload.lease.token);
    await linkedFiles.keep(upload, { etag: upload.etag, isHolder, signal });
  }

  /** Keeps the file, passes the fence and makes the link. */
  async function make(
    client: IpdClient,
    upload: Delivering,
    { url, found, run }: { url: string; found: Found; run: Run },
  ): Promise<Outcome | Failure> {
    const { token } = upload.lease;
    if (upload.doubt !== undefined) {
      const { upload: resolved } = await ledger.change(upload.id, (before) =>
        attempts.resolveDoubt(before, { token }),
      );
      if (!isLeaseHolder(resolved, token))
        return { kind: 'retryable_failure', code: 'lease_lost', counts: true };
      const blocked = await scanGate.beforeSending(resolved);
      if (blocked !== undefined) return blocked;
      if (clock.now() >= Date.parse(upload.retryUntil)) {
        const detail = upload.lastError?.detail;
        return { kind: 'retryable_failure', code: 'ipd_unavailable', detail, counts: true };
      }
    }
    await keepFile(upload, run);
    const fence = async (): Promise<void> => {
      const { changed } = await ledger.change(upload.id, (before) =>
        attempts.startSending(before, { token, now: clock.now(), marginMs: FENCE_MARGIN_MS, baseline: [] }),
      );
      // A run that this write delayed too long must stop: another run may take over the upload.
      const isLate = clock.now() >= Date.parse(upload.lease.until) - FENCE_MARGIN_MS;
      if (!changed || isLate)
        throw new AppError('lease_lost', 'the upload was taken away, or its lease ended');
    };
    const title = linkTitle(upload, clock.now() + policy.linkedFileMs);
    const { projectId, issueId } = upload;
    const made = await client.createLink({ projectId, issueId, title, url, fence }, run.signal);
    switch (made.kind) {
      case 'linked': {
        telemetry.info('IPD took the link', { ...fieldsOf(upload), bytes: upload.size });
        const id = made.id ?? (await findMade(client, upload, { url, signal: run.signal }));
        if (id === undefined) return { kind: 'unconfirmed', detail: 'IPD named no link, and shows none' };
        const isClean = await deleteAll(client, upload, { links: found.others, signal: run.signal });
        return { kind: 'linked', linkId: id, hasLeftover: !isClean };
      }
      case 'unconfirmed':
        return made;
      default:
        await ledger.change(upload.id, (before) =>
          attempts.withdrawFence(before, { token, sentName: upload.sentName }),
        );
        return forbiddenAsLink(made, 'create');
    }
  }

  async function findMade(
    client: IpdClient,
    upload: Upload,
    where: { url: string; signal: AbortSignal },
  ): Promise<string | undefined> {
    const found = await read(client, upload, where);
    return found.kind === 'found' ? found.current[0]?.id : undefined;
  }

  /** True when IPD says of each that it is deleted. */
  async function deleteAll(
    client: IpdClient,
    upload: Upload,
    { links, signal }: { links: readonly Link[]; signal: AbortSignal },
  ): Promise<boolean> {
    const { projectId, issueId } = upload;
    let isClean = true;
    for (const { id } of links) {
      const deleted = await client.deleteLink({ projectId, issueId, id }, signal);
      if (deleted.kind === 'deleted') continue;
      isClean = false;
      const why = forbiddenAsLink(deleted, 'delete');
      telemetry.warn('link not deleted', { ...fieldsOf(upload), linkId: id, detail: why.detail });
    }
    return isClean;
  }

  /**
   * Of a delivered upload: deletes every link but the one that counts. Of a removed one: deletes all of them, and looks
   * once more when a request that was under way has surely ended.
   */
  async function recheck(
    client: IpdClient,
    upload: Upload,
    { until, signal }: { until: number; signal: AbortSignal },
  ): Promise<Checked> {
    const token = clock.uuid();
    const begun = await ledger.change(upload, (before) =>
      endings.beginRecheck(before, { token, until, now: clock.now() }),
    );
    if (!begun.changed) return NOT_ASKED;
    try {
      // None of a removed upload counts any more. Without an address nothing tells which one counts: the sweep asks again.
      const url =
        begun.upload.status === 'removed' ? '' : await addressOf(begun.upload).catch(() => undefined);
      if (url === undefined) return NOT_ASKED;
      const found = await read(client, begun.upload, { url, signal });
      const checked = { contact: contactOf(found), isAsked: true, isThrottled: found.kind === 'throttled' };
      if (found.kind === 'found') await tidy(client, begun.upload, { found, token, signal });
      else if (found.kind === 'refused') await giveUp(begun.upload, { token, detail: found.detail });
      return checked;
    } finally {
      await ledger.change(upload.id, (before) => endings.postponeRecheck(before, { token }));
    }
  }

  async function tidy(
    client: IpdClient,
    upload: Upload,
    { found, token, signal }: { found: Found; token: string; signal: AbortSignal },
  ): Promise<void> {
    const { current, others, isCut } = found;
    const counting = keptOf(upload, found);
    const links = [...current, ...others].filter(({ id }) => id !== counting);
    const isClean = await deleteAll(client, upload, { links, signal });
    if (counting !== undefined) {
      await ledger.change(upload.id, (before) => endings.replaceLink(before, { linkId: counting }));
    }
    // What a list hides cannot be deleted.
    if (isCut) {
      return giveUp(upload, { token, detail: 'IPD does not show all links of the work item' });
    }
    if (!isClean) return;
    await ledger.change(upload.id, (before) => {
      if (!endings.isRecheckHolder(before, token)) return undefined;
      return before.status === 'removed'
        ? endings.markLinksDeleted(before, moment())
        : endings.finishRecheck(before);
    });
  }

  /** A person has to check the links of the work item. The URLs of a removed upload are worthless all the same. */
  async function giveUp(upload: Upload, { token, detail }: { token: string; detail: string }): Promise<void> {
    telemetry.error('links cannot be checked', new Error(detail), fieldsOf(upload));
    telemetry.addMetrics({ LinksNotDeleted: 1 });
    await ledger.change(upload.id, (before) =>
      endings.isRecheckHolder(before, token) ? endings.finishRecheck(before) : undefined,
    );
  }

  return { try: tryOnce, recheck };
}

/**
 * Which link stays: the recorded one while it is there. With another link key or another PUBLIC_URL since, no link has the
 * URL that works now, and the recorded one is not lost for that.
 */
function keptOf(upload: Upload, { current, others }: Found): string | undefined {
  if (upload.status !== 'delivered') return undefined;
  const recorded = (links: readonly Link[]) => links.find(({ id }) => id === upload.link?.id);
  return (recorded(current) ?? current[0] ?? recorded(others))?.id;
}

/**
 * The breaker is for attachments. The API of links is another one, which not every region may have, so its failures say
 * nothing of them; only an outage and credentials that are refused concern all calls.
 */
function contactOf(found: Found | Failure): Contact {
  if (found.kind === 'found' || found.kind === 'refused') return 'listed';
  if (found.kind === 'unavailable' && found.isOutage === true) return 'unreachable';
  return found.kind === 'locked_out' ? 'locked_out' : 'none';
}

/** A refusal for want of a permission, with the permission to ask for. */
function forbiddenAsLink(failure: Failure, call: keyof typeof PERMISSIONS): Failure {
  if (failure.kind !== 'refused' || failure.code !== 'ipd_forbidden') return failure;
  return {
    kind: 'refused',
    code: 'link_forbidden',
    detail: `${failure.detail}; the permission to ${call} links is ${PERMISSIONS[call]}`,
  };
}

/** A read changes nothing in IPD, so an unclear answer to it leaves no doubt. In doubt, a refusal resolves nothing. */
function readingOf(found: Failure, upload: Delivering): Outcome | Failure {
  if (found.kind === 'unconfirmed') return { ...found, kind: 'unavailable' };
  if (found.kind !== 'refused' || upload.doubt === undefined) return found;
  return { kind: 'failed', code: 'outcome_unknown', detail: found.detail };
}

/** Why no link may be made though none is shown: a doubt that is not resolved. */
function objectionTo(
  { doubt }: Delivering,
  { isCut }: Found,
  begun: { now: number; policy: Policy },
): Outcome | undefined {
  if (doubt === undefined) return undefined;
  if (!resolvesDoubt(doubt, begun)) return { kind: 'absent' };
  if (!isCut) return undefined;
  const detail = 'IPD does not show all links of the work item, and none of them is this file';
  return { kind: 'failed', code: 'outcome_unknown', detail };
}
