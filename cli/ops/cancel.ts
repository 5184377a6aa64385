/**
 * `npm run ops -- cancel`: cancels uploads as their owners could, and removes their files. An upload that IPD has, or
 * may have, stays: no program can remove it from IPD.
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
type Outcome = { id: string; why?: Phrase };

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
  await arrivals.discard(upload);
  return { id };
}

function describe({ why }: Outcome): string {
  return why === undefined ? texts.ops.cancel.done : fill(texts.ops.stays.line, { why: why(texts) });
}

function toAnswer({ id, why }: Outcome): object {
  return { id, why: why?.(en) };
}
