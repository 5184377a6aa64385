/** `npm run ops -- list`: uploads by owner, state, age, project and code, one a line. */
import { openServices } from './place.ts';
import { findUploads, hidesSome, readSelection, SELECTING, toRow } from './selection.ts';
import { sayAge, sayTable } from './terms.ts';
import type { Task } from './terms.ts';
import { fill, texts } from '../texts.ts';

const HEADINGS = [
  'ID',
  texts.ops.list.state,
  texts.ops.list.code,
  texts.ops.list.age,
  texts.ops.list.dueIn,
  texts.ops.list.attempts,
  texts.ops.list.bytes,
  texts.ops.list.project,
  texts.ops.list.workItem,
];

export const list: Task = {
  takes: ['owner', ...SELECTING],

  check({ values }) {
    const { owner, scan } = readSelection(values);
    if (owner === '') throw new Error(texts.ops.wrong.emptyOwner);
    if (owner !== undefined && scan) throw new Error(texts.ops.wrong.ownerNeedsNoScan);
  },

  async run({ values, say }) {
    const selection = readSelection(values);
    const services = await openServices(values);
    const now = services.clock.now();
    const { uploads, tooNew, isAll } = await findUploads(services, selection, now);
    const rows = uploads.map((upload) => toRow(upload, now));
    const cells = rows.map((row) => [
      row.id,
      row.isInDoubt ? fill(texts.ops.list.inDoubt, { status: row.status }) : row.status,
      row.code ?? '-',
      sayAge(row.ageSeconds * 1000),
      row.dueAt === undefined ? '-' : sayAge(Math.max(Date.parse(row.dueAt) - now, 0)),
      String(row.attempts),
      String(row.size),
      row.projectId,
      row.issueId,
    ]);
    if (rows.length > 0) sayTable([HEADINGS, ...cells]).forEach(say);
    else if (selection.scan || selection.owner !== undefined) say(texts.ops.list.none);
    else say(texts.ops.list.noneInIndex);
    if (!isAll) say(fill(texts.ops.list.more, { limit: selection.limit }));
    if (tooNew.length > 0) {
      say(fill(texts.ops.list.tooNew, { ids: tooNew.join(texts.separators.members) }));
    }
    if (hidesSome(selection)) say(texts.ops.list.hidden);
    return { well: true, answer: { uploads: rows, tooNew, isAll } };
  },
};
