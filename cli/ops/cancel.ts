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

/** `why` is the reason that it was not cancelled. */
type Outcome = { id: string; why?: string };

export const cancel: Task = {
  takes: ['ID', 'reason', 'by'],

  check({ values, names }) {
    if (names.length === 0) throw new Error('Name the uploads');
    const unfit = names.find((id) => !isUploadId(id));
    if (unfit !== undefined) throw new Error(`${unfit} is no id of an upload`);
    readOperatorNote(values);
  },

  async run({ values, names, say, signal }) {
    const services = await openServices(values);
    const note = readOperatorNote(values);
    const outcomes: Outcome[] = [];
    for (const id of names) {
      if (signal.aborted) break;
      const outcome = await cancelOne(services, id, note);
      say(
        `${id}  ${outcome.why === undefined ? 'is cancelled, and its file removed' : `stays: ${outcome.why}`}`,
      );
      outcomes.push(outcome);
    }
    const cancelled = outcomes.filter(({ why }) => why === undefined).map(({ id }) => id);
    return { well: cancelled.length === names.length, answer: { cancelled, outcomes } };
  },
};

async function cancelOne(
  { ledger, arrivals, clock }: Opened,
  id: string,
  note: { by: string; reason: string },
): Promise<Outcome> {
  const found = await ledger.find(id);
  if (found === undefined) return { id, why: 'there is no such upload' };
  const { changed, upload } = await ledger.change(found, (before) =>
    withdraw(before, { ...note, now: clock.now() }),
  );
  if (!changed) {
    const why = upload.status === 'delivered' ? 'IPD has it' : 'IPD may have it';
    return { id, why: `it is ${upload.status}: ${why}` };
  }
  await arrivals.discard(upload);
  return { id };
}
