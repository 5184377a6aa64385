/**
 * `npm run ops -- erase`: removes a person's data from the table, and the person's files from storage. It may die at
 * any point and be called again; uploads in doubt are left for a later call. It lists the attachments in IPD: only a
 * person can remove them there, and afterwards no record joins them with their owner.
 */
import { erase as erased, remnantOf, whyNotErased } from '../../lib/domain/erasure.ts';
import type { Remnant } from '../../lib/domain/erasure.ts';
import { ticketKey } from '../../lib/ledger/tickets.ts';
import { scan } from '../../lib/ledger/scan.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { readOperatorNote } from './operator-note.ts';
import { describeTrouble, openServices } from './place.ts';
import type { Opened } from './place.ts';
import { findOwned } from './selection.ts';
import type { Given, Say, Task } from './terms.ts';

/** `why` is the reason that its data stays. */
type Outcome = { id: string; why?: string };

const TOO_NEW = 'it was written by a newer version: use that one';

export const erase: Task = {
  takes: ['owner', 'dry-run', 'yes', 'reason', 'by'],
  check,

  async run({ values, say, signal }) {
    const services = await openServices(values);
    const owner = values.owner ?? '';
    const isTrial = values['dry-run'] ?? false;
    // Sessions end before the uploads: the holder of a ticket could begin more of them.
    const sessions = await endSessions(services, owner, { isTrial });
    say(`${sessions} Uppy sessions ${isTrial ? 'would be' : 'were'} ended`);

    const outcomes = new Map<string, Outcome>();
    const inIpd: Remnant[] = [];
    // Repeats until the index shows no upload that was created meanwhile.
    while (!signal.aborted) {
      const { uploads, tooNew } = await findOwned(services, owner);
      for (const id of tooNew) outcomes.set(id, { id, why: TOO_NEW });
      const fresh = uploads.filter(({ id }) => !outcomes.has(id));
      if (fresh.length === 0) break;
      // Printed before the erasure: the operator has the list even if this process ends half-way.
      inIpd.push(...sayRemnants(fresh, say));
      for (const upload of fresh) {
        if (signal.aborted) break;
        const outcome = isTrial
          ? { id: upload.id, ...reasonFor(upload) }
          : await eraseOne(services, upload, { ...readOperatorNote(values), say });
        outcomes.set(upload.id, outcome);
        say(`${upload.id}  ${describe(upload, outcome, isTrial)}`);
      }
    }

    const all = [...outcomes.values()];
    const waiting = all.filter(({ why }) => why !== undefined);
    const done = all.filter(({ why }) => why === undefined).map(({ id }) => id);
    say(`${done.length} of ${all.length} ${isTrial ? 'would be' : 'are'} erased.`);
    if (waiting.length > 0) say('Repeat this for the others when what they wait for is over.');
    say(
      'Not reached from here: IPD, backups, log lines, notifications that were published (docs/security.md).',
    );
    const answer = { isTrial, sessions, erased: isTrial ? [] : done, waiting, inIpd };
    return { well: !signal.aborted && (isTrial || waiting.length === 0), answer };
  },
};

function check({ values }: Given): void {
  if ((values.owner ?? '') === '') throw new Error("--owner is needed: the `sub` of the person's tokens");
  if (values['dry-run']) return;
  readOperatorNote(values);
  if (!values.yes)
    throw new Error('This cannot be undone: run it with --dry-run, keep what it says, then give --yes');
}

/** Reads the whole table, which DynamoDB bills: tickets have no index. */
async function endSessions(
  { tickets, documents, config }: Opened,
  owner: string,
  { isTrial }: { isTrial: boolean },
): Promise<number> {
  const pages = scan(documents, {
    table: config.table,
    filter: 'begins_with(pk, :ticket) AND #owner = :owner',
    names: { '#owner': 'owner' },
    values: { ':ticket': ticketKey(''), ':owner': owner },
  });
  let ended = 0;
  for await (const page of pages) {
    for (const { pk } of page) {
      const hash = String(pk).slice(ticketKey('').length);
      if (isTrial || (await tickets.endTicket(hash, owner))) ended += 1;
    }
  }
  return ended;
}

async function eraseOne(
  { ledger, arrivals, drops, clock }: Opened,
  upload: Upload,
  { by, reason, say }: { by: string; reason: string; say: Say },
): Promise<Outcome> {
  const { id, source } = upload;
  // The erased record does not name its drop any more, and the bridge would take what is left there once more.
  if (source?.kind === 'drop' && whyNotErased(upload) === undefined) await drops.discard(source);
  const { changed, upload: after } = await ledger.change(upload, (before) =>
    erased(before, { by, reason, now: clock.now() }),
  );
  if (!changed) return { id, ...reasonFor(after) };
  try {
    // An upload that is not due has no file any more.
    if (after.dueAt !== undefined) await arrivals.discard(after);
  } catch (error) {
    say(`${id}  its file could not be removed now, so the sweep does it: ${describeTrouble(error)}`);
  }
  return { id };
}

function reasonFor(upload: Upload): { why?: string } {
  const why = whyNotErased(upload);
  return why === undefined ? {} : { why };
}

function sayRemnants(uploads: Upload[], say: Say): Remnant[] {
  const remnants = uploads.flatMap((upload) => remnantOf(upload) ?? []);
  for (const { uploadId, projectId, issueId, attachmentIds, size, isCertain } of remnants) {
    const what =
      attachmentIds.length > 0
        ? `attachment ${attachmentIds.join(', ')}`
        : `a file of ${size} bytes without an id`;
    say(
      `${uploadId}  IPD ${isCertain ? 'keeps' : 'may have'} ${what}: project ${projectId}, work item ${issueId}`,
    );
  }
  return remnants;
}

function describe({ status }: Upload, { why }: Outcome, isTrial: boolean): string {
  if (why !== undefined) return `stays: ${why}`;
  return `${status}, ${isTrial ? 'would be' : 'is'} erased`;
}
