/**
 * `npm run ops -- redrive`: tries failed uploads again, as their owners could. An upload that IPD may have returns to
 * `unconfirmed`, so IPD is checked before the file is sent. The uploads become due, so the sweep paces them by
 * IPD_RATE.
 */
import { redrive as redriven } from '../../lib/domain/lifecycle.ts';
import { isUploadId, stagingKey } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { lossOf } from '../../lib/uploads/manage.ts';
import { readOperatorNote } from './operator-note.ts';
import { openServices } from './place.ts';
import type { Opened } from './place.ts';
import { findUploads, readSelection, SELECTING } from './selection.ts';
import type { Given, Task } from './terms.ts';
import { fill, texts } from '../texts.ts';
import type { Phrase } from '../texts.ts';
import { en } from '../texts/en.ts';

/** `status` is the state that the upload returns to, `why` the reason that it stays as it is. */
type Outcome = { id: string; status: string } | { id: string; why: Phrase };

export const redrive: Task = {
  takes: ['ID', ...SELECTING.filter((name) => name !== 'state'), 'all', 'reason', 'by', 'dry-run'],
  check,

  async run({ values, names, say, signal }) {
    const services = await openServices(values);
    const isTrial = values['dry-run'] ?? false;
    const { uploads, isAll, missing } = await choose(services, { values, names });
    const note = isTrial ? undefined : readOperatorNote(values);
    const outcomes: Outcome[] = missing.map((id) => ({ id, why: ({ ops }) => ops.stays.none }));
    for (const upload of uploads) {
      if (signal.aborted) break;
      outcomes.push(await tryAgain(services, upload, note));
    }
    for (const outcome of outcomes) say(`${outcome.id}  ${describe(outcome, isTrial)}`);
    const done = outcomes.filter((outcome) => 'status' in outcome);
    const counts = { done: done.length, all: outcomes.length };
    say(fill(isTrial ? texts.ops.redrive.trial : texts.ops.redrive.done, counts));
    if (!isAll) say(texts.ops.redrive.more);
    const answer = { isTrial, redriven: isTrial ? [] : done, outcomes: outcomes.map(toAnswer), isAll };
    // Named uploads must all go; of uploads chosen by options, some may stay.
    return { well: !signal.aborted && (names.length === 0 || done.length === outcomes.length), answer };
  },
};

function check({ values, names }: Given): void {
  const selection = readSelection(values);
  const unfit = names.find((id) => !isUploadId(id));
  if (unfit !== undefined) throw new Error(fill(texts.ops.wrong.noId, { id: unfit }));
  const { code, source, projectId, olderThanMs, youngerThanMs } = selection;
  const isChosen = [code, source, projectId, olderThanMs, youngerThanMs].some((wish) => wish !== undefined);
  if (names.length > 0 && (isChosen || values.all)) throw new Error(texts.ops.wrong.nameOrChoose);
  if (names.length === 0 && !isChosen && !values.all) {
    throw new Error(texts.ops.wrong.chooseSome);
  }
  if (!values['dry-run']) readOperatorNote(values);
}

async function choose(services: Opened, { values, names }: Given) {
  if (names.length === 0) {
    const selection = { ...readSelection(values), states: ['failed'] };
    return { ...(await findUploads(services, selection, services.clock.now())), missing: [] };
  }
  const found = await Promise.all(names.map((id) => services.ledger.find(id)));
  const uploads = found.filter((upload): upload is Upload => upload !== undefined);
  const missing = names.filter((id) => !uploads.some((upload) => upload.id === id));
  return { uploads, isAll: true, missing };
}

/** Has one upload tried again. Without `note` it only finds out what would happen. */
export async function tryAgain(
  { ledger, staging, clock, config }: Pick<Opened, 'ledger' | 'staging' | 'clock' | 'config'>,
  upload: Upload,
  note: { by: string; reason: string } | undefined,
): Promise<Outcome> {
  const { id } = upload;
  const moment = () => ({ now: clock.now(), policy: config.policy });
  if (upload.status !== 'failed') {
    const { status } = upload;
    return { id, why: ({ ops }) => fill(ops.stays.notFailed, { status }) };
  }
  if (upload.erasure !== undefined) return { id, why: ({ ops }) => ops.stays.ownerErased };
  if ((await staging.head(stagingKey(id))) === undefined) {
    return { id, why: ({ ops }) => ops.losses[lossOf(upload)] };
  }
  if (note === undefined) {
    const after = redriven(upload, { ...moment(), by: '', reason: '' });
    return after === undefined
      ? { id, why: ({ ops }) => ops.stays.neverArrived }
      : { id, status: after.status };
  }
  const { changed, upload: after } = await ledger.change(upload, (before) =>
    redriven(before, { ...moment(), ...note }),
  );
  return changed
    ? { id, status: after.status }
    : { id, why: ({ ops }) => fill(ops.stays.notAgain, { status: after.status }) };
}

function describe(outcome: Outcome, isTrial: boolean): string {
  if ('why' in outcome) return fill(texts.ops.stays.line, { why: outcome.why(texts) });
  if (outcome.status === 'unconfirmed') {
    return isTrial ? texts.ops.redrive.wouldBeChecked : texts.ops.redrive.willBeChecked;
  }
  return isTrial ? texts.ops.redrive.wouldBeSent : texts.ops.redrive.willBeSent;
}

function toAnswer(outcome: Outcome): object {
  return 'why' in outcome ? { ...outcome, why: outcome.why(en) } : outcome;
}
