/** `npm run ops -- list`: uploads by owner, state, age, project and code, one a line. */
import { openServices } from './place.ts';
import { findUploads, readSelection, SELECTING, toRow, whatIsHidden } from './selection.ts';
import { sayAge, sayTable } from './terms.ts';
import type { Task } from './terms.ts';

const HEADINGS = ['ID', 'STATE', 'CODE', 'AGE', 'DUE IN', 'ATTEMPTS', 'BYTES', 'PROJECT', 'WORK ITEM'];

export const list: Task = {
  takes: ['owner', ...SELECTING],

  check({ values }) {
    const { owner, scan } = readSelection(values);
    if (owner === '') throw new Error('--owner is empty: give the `sub` of the token');
    if (owner !== undefined && scan) throw new Error('--owner finds all of them without --scan');
  },

  async run({ values, say }) {
    const selection = readSelection(values);
    const services = await openServices(values);
    const now = services.clock.now();
    const { uploads, tooNew, isAll } = await findUploads(services, selection, now);
    const rows = uploads.map((upload) => toRow(upload, now));
    const cells = rows.map((row) => [
      row.id,
      row.isInDoubt ? `${row.status} (in doubt)` : row.status,
      row.code ?? '-',
      sayAge(row.ageSeconds * 1000),
      row.dueAt === undefined ? '-' : sayAge(Math.max(Date.parse(row.dueAt) - now, 0)),
      String(row.attempts),
      String(row.size),
      row.projectId,
      row.issueId,
    ]);
    if (rows.length > 0) sayTable([HEADINGS, ...cells]).forEach(say);
    else if (selection.scan || selection.owner !== undefined) say('No such uploads.');
    else say('No such uploads in the index of what is due.');
    if (!isAll) say(`There are more than ${selection.limit}: --limit shows more, other options fewer.`);
    if (tooNew.length > 0)
      say(`A newer version wrote these, in a form that this version cannot read: ${tooNew.join(', ')}`);
    const hidden = whatIsHidden(selection);
    if (hidden !== undefined) say(hidden);
    return { well: true, answer: { uploads: rows, tooNew, isAll } };
  },
};
