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
import { fill, texts } from '../texts.ts';
import type { Phrase } from '../texts.ts';
import { en } from '../texts/en.ts';

/** `why` is the reason that its data stays. */
type Outcome = { id: string; why?: Phrase };

const TOO_NEW: Phrase = ({ ops }) => ops.stays.tooNew;

export const erase: Task = {
  takes: ['owner', 'dry-run', 'yes', 'reason', 'by'],
  check,

  async run({ values, say, signal }) {
    const services = await openServices(values);
    const owner = values.owner ?? '';
    const isTrial = values['dry-run'] ?? false;
    // Sessions end before the uploads: the holder of a ticket could begin more of them.
    const sessions = await endSessions(services, owner, { isTrial });
    say(fill(isTrial ? texts.ops.erase.sessionsTrial : texts.ops.erase.sessions, { count: sessions }));

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
    const counts = { done: done.length, all: all.length };
    say(fill(isTrial ? texts.ops.erase.trial : texts.ops.erase.done, counts));
    if (waiting.length > 0) say(texts.ops.erase.repeat);
    say(texts.ops.erase.notReached);
    const answer = {
      isTrial,
      sessions,
      erased: isTrial ? [] : done,
      waiting: waiting.map(({ id, why }) => ({ id, why: why?.(en) })),
      inIpd,
    };
    return { well: !signal.aborted && (isTrial || waiting.length === 0), answer };
  },
};

function check({ values }: Given): void {
  if ((values.owner ?? '') === '') throw new Error(texts.ops.wrong.needsOwner);
  if (values['dry-run']) return;
  readOperatorNote(values);
  if (!values.yes) throw new Error(texts.ops.wrong.cannotBeUndone);
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
    say(`${id}  ${fill(texts.ops.erase.fileStays, { reason: describeTrouble(error) })}`);
  }
  return { id };
}

function reasonFor(upload: Upload): { why?: Phrase } {
  const { status } = upload;
  const obstacle = whyNotErased(upload);
  if (obstacle === undefined) return {};
  return { why: ({ ops }) => fill(ops.obstacles[obstacle.kind], { status, ...obstacle }) };
}

function sayRemnants(uploads: Upload[], say: Say): Remnant[] {
  const remnants = uploads.flatMap((upload) => remnantOf(upload) ?? []);
  for (const { uploadId, projectId, issueId, attachmentIds, size, isCertain } of remnants) {
    const what =
      attachmentIds.length > 0
        ? fill(texts.ops.erase.attachments, { ids: attachmentIds.join(texts.separators.members) })
        : fill(texts.ops.erase.fileWithoutId, { size });
    const line = isCertain ? texts.ops.erase.ipdKeeps : texts.ops.erase.ipdMayHave;
    say(`${uploadId}  ${fill(line, { what, project: projectId, issue: issueId })}`);
  }
  return remnants;
}

function describe({ status }: Upload, { why }: Outcome, isTrial: boolean): string {
  if (why !== undefined) return fill(texts.ops.stays.line, { why: why(texts) });
  return fill(isTrial ? texts.ops.erase.wouldBeErased : texts.ops.erase.isErased, { status });
}
