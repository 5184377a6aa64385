/**
 * `npm run ops -- cancel`: cancels uploads as their owners could, removes their files, and takes links back. An upload
 * that IPD has as an attachment, or may have, stays: no program can remove it from IPD.
 */
import { withdraw } from '../../lib/domain/lifecycle.ts';
import { isUploadId } from '../../lib/domain/upload.ts';
import { readOperatorNote } from './operator-note.ts';
import { openServices } from './place.ts';
import type { Opened } from './place.ts';
import type { Task } from './terms.ts';
import { fill, texts } from '../texts.ts';
import type { Phrase } from '../texts.ts';
import { en } from '../texts/en.ts';

/** `why` is the reason that it was not cancelled. */
type Outcome = { id: string; why?: Phrase; isLink?: boolean };

export const cancel: Task = {
  takes: ['ID', 'reason', 'by'],

  check({ values, names }) {
    if (names.length === 0) throw new Error(texts.ops.wrong.nameUploads);
    const unfit = names.find((id) => !isUploadId(id));
    if (unfit !== undefined) throw new Error(fill(texts.ops.wrong.noId, { id: unfit }));
    readOperatorNote(values);
  },

  async run({ values, names, say, signal }) {
    const services = await openServices(values);
    const note = readOperatorNote(values);
    const outcomes: Outcome[] = [];
    for (const id of names) {
      if (signal.aborted) break;
      const outcome = await cancelOne(services, id, note);
      say(`${id}  ${describe(outcome)}`);
      outcomes.push(outcome);
    }
    const cancelled = outcomes.filter(({ why }) => why === undefined).map(({ id }) => id);
    return {
      well: cancelled.length === names.length,
      answer: { cancelled, outcomes: outcomes.map(toAnswer) },
    };
  },
};

async function cancelOne(
  { ledger, arrivals, clock }: Opened,
  id: string,
  note: { by: string; reason: string },
): Promise<Outcome> {
  const found = await ledger.find(id);
  if (found === undefined) return { id, why: ({ ops }) => ops.stays.none };
  const { changed, upload } = await ledger.change(found, (before) =>
    withdraw(before, { ...note, now: clock.now() }),
  );
  if (!changed) {
    const { status } = upload;
    return {
      id,
      why: ({ ops }) => fill(status === 'delivered' ? ops.stays.delivered : ops.stays.mayBeInIpd, { status }),
    };
  }
  // The sweep has the delivery remove link and file.
  if (upload.status === 'removed') return { id, isLink: true };
  await arrivals.discard(upload);
  return { id };
}

function describe({ why, isLink }: Outcome): string {
  const done = isLink ? texts.ops.cancel.linkDone : texts.ops.cancel.done;
  return why === undefined ? done : fill(texts.ops.stays.line, { why: why(texts) });
}

function toAnswer({ id, why }: Outcome): object {
  return { id, why: why?.(en) };
}
