/** How often each kind of fault was tried at each call, as a Markdown table: one row a call, one column a group of kinds. */
import { ipdFaultKinds } from './ipd-faults.ts';

/** By the call, and then by the kind of fault. */
export type Tried = Record<string, Record<string, number>>;

/** The first group that fits a kind has it. */
const GROUPS: [name: string, fits: (kind: string) => boolean][] = [
  ['death', (kind) => kind.startsWith('death')],
  ['pause', (kind) => kind === 'pause' || kind === 'overstay'],
  ['clock', (kind) => kind === 'clockJump'],
  [
    'no answer, error, late',
    (kind) => /^(ledger|index|storage|copy|file|event|queue|message|sweep|notification|secret)/.test(kind),
  ],
  ['line to IPD', (kind) => kind === 'ipdUnreachable' || kind === 'bytesLost'],
  ['IPD', (kind) => ipdFaultKinds.some((one) => one === kind)],
  ['people', (kind) => kind.startsWith('person')],
];

/** A call and the way back from it are one row. */
export function coverageTable(tried: Tried): string {
  const rows = new Map<string, Map<string, number>>();
  for (const [site, kinds] of Object.entries(tried)) {
    const call = site.replace(/ done$/, '');
    const row = rows.get(call) ?? new Map<string, number>();
    rows.set(call, row);
    for (const [kind, count] of Object.entries(kinds)) {
      const [name = kind] = GROUPS.find(([, fits]) => fits(kind)) ?? [];
      row.set(name, (row.get(name) ?? 0) + count);
    }
  }
  const names = GROUPS.map(([name]) => name);
  return [
    `| call | ${names.join(' | ')} |`,
    `| --- |${' ---: |'.repeat(names.length)}`,
    ...[...rows]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([call, row]) => `| ${call} | ${names.map((name) => row.get(name) ?? '').join(' | ')} |`),
  ].join('\n');
}
