/**
 * `npm run cost`: what 1,000 uploads cost at AWS's list prices, by service and size, what would change that, and what
 * a month without uploads costs. The tables of docs/cost.md are its output.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { readService } from '../local/template.ts';
import { billOf, idleBill, keptForAMonth, linkBillOf, services, sum } from './bill.ts';
import type { Bill, Deployment } from './bill.ts';
import { prices, READ_ON, REGION } from './prices.ts';
import { assumptions, meanings } from './usage.ts';
import type { Assumptions } from './usage.ts';
import { MIB } from '../lib/domain/units.ts';

const USAGE = `npm run cost [-- options]
  --json   the last line is one JSON object
  --write  puts the tables into docs/cost.md`;

const UPLOADS = 1_000;
const SIZES_MIB = [1, 10, 50];
/** Files that become links: a phone's film of three minutes, and larger ones. */
const LINKED_MIB = [100, 300, 1_024];
const ROOT = join(import.meta.dirname, '..');
const DOCUMENT = join(ROOT, 'docs/cost.md');

/** The part of the template that is read beside the functions. */
const provided = z.object({
  architecture: z.enum(['arm64', 'x86_64']).default('x86_64'),
  environment: z.object({
    MULTIPART_THRESHOLD_BYTES: z.coerce.number(),
    PART_SIZE_BYTES: z.coerce.number(),
    LINKED_FILES_DAYS: z.coerce.number(),
  }),
});

type Variant = { name: string; deployment?: Partial<Deployment>; assumed?: Partial<Assumptions> };

await main();

async function main(): Promise<void> {
  let options;
  try {
    options = readOptions();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (options.help) return console.log(USAGE);
  const figures = calculate(readDeployment());
  const text = documentOf(figures);
  console.log(text);
  if (options.write) writeTables(text);
  if (options.json)
    console.log(JSON.stringify({ region: REGION, pricesReadOn: READ_ON, uploads: UPLOADS, ...figures }));
}

function readOptions() {
  const flag = { type: 'boolean', default: false } as const;
  return parseArgs({ options: { json: flag, write: flag, help: flag } }).values;
}

/** The values of the template with no setting made. */
function readDeployment(): Deployment {
  const { provider, functions } = readService({ directory: ROOT, env: {} });
  const { architecture, environment } = provided.parse(provider);
  const memoryOf = (name: string): number => functions[name]?.memorySize ?? provider.memorySize;
  return {
    memory: {
      uploads: memoryOf('uploads'),
      deliver: memoryOf('deliver'),
      files: memoryOf('files'),
      sweep: memoryOf('sweep'),
    },
    linkedDays: environment.LINKED_FILES_DAYS,
    architecture,
    thresholdMib: environment.MULTIPART_THRESHOLD_BYTES / MIB,
    partMib: environment.PART_SIZE_BYTES / MIB,
  };
}

function calculate(deployment: Deployment) {
  const bill = (mib: number, { deployment: other, assumed }: Omit<Variant, 'name'> = {}): Bill =>
    billOf(mib, {
      uploads: UPLOADS,
      deployment: { ...deployment, ...other },
      assumed: { ...assumptions, ...assumed },
    });
  return {
    deployment,
    sizes: SIZES_MIB.map((mib) => {
      const parts = bill(mib);
      return { mib, parts, total: sum(parts) };
    }),
    variants: variantsOf(deployment).map(({ name, ...changes }) => ({
      name,
      totals: SIZES_MIB.map((mib) => sum(bill(mib, changes))),
    })),
    links: LINKED_MIB.map((mib) => ({
      mib,
      ...linkBillOf(mib, { uploads: UPLOADS, deployment, assumed: assumptions }),
    })),
    idleMonth: idleBill({ deployment, assumed: assumptions }),
    recordsMonth: keptForAMonth(UPLOADS),
  };
}

/** The deployment as it is, then variants of it that change one thing each. */
function variantsOf({ memory }: Deployment): Variant[] {
  return [
    { name: 'as it is deployed' },
    { name: 'no polls: a push tells how it ended', assumed: { pollEvery: Number.POSITIVE_INFINITY } },
    { name: '`deliver` with 128 MB', deployment: { memory: { ...memory, deliver: 128 } } },
    { name: '`deliver` with 512 MB', deployment: { memory: { ...memory, deliver: 512 } } },
    { name: 'x86 in the place of Arm', deployment: { architecture: 'x86_64' } },
    { name: 'parts of 10 MiB', deployment: { partMib: 10 } },
    { name: 'IPD takes 1 MiB/s', assumed: { mibPerSecondToIpd: 1 } },
    { name: 'IPD takes 16 MiB/s', assumed: { mibPerSecondToIpd: 16 } },
    { name: 'through a NAT gateway, without its hours', deployment: { nat: true } },
  ];
}

function documentOf(figures: ReturnType<typeof calculate>): string {
  const { sizes, variants, idleMonth, recordsMonth } = figures;
  const bySize = SIZES_MIB.map((mib) => `${mib} MiB`);
  const rows = services.map((name) => [name, ...sizes.map(({ parts }) => dollars(parts[name]))]);
  const assumed = new Map<string, number>(Object.entries(assumptions));
  const without = sizes.map(({ parts, total }) => dollars(total - parts['transfer out']));
  return [
    `Dollars per 1,000 uploads, ${REGION}:`,
    table(
      ['', ...bySize],
      [
        ...rows,
        ['**all**', ...sizes.map(({ total }) => dollars(total))],
        ['**all but transfer**', ...without],
      ],
    ),
    'The same with one thing changed:',
    table(
      ['', ...bySize],
      variants.map(({ name, totals }) => [name, ...totals.map(dollars)]),
    ),
    `Dollars per 1,000 files that become links (\`OVERSIZE=link\`), ${REGION}:`,
    linkTable(figures),
    'Dollars per month without uploads:',
    table(
      ['', 'Month'],
      [
        ...Object.entries(idleMonth).map(([name, amount]) => [name, dollars(amount)]),
        ['**all**', dollars(sum(idleMonth))],
        ['for each 1,000 uploads there ever were: their records', dollars(recordsMonth)],
      ],
    ),
    'Assumed:',
    table(
      ['', 'Meaning'],
      Object.entries(meanings).map(([name, meaning]) => [String(assumed.get(name)), meaning]),
      { left: [1] },
    ),
    `Prices, ${REGION}, read on ${READ_ON}:`,
    table(
      ['Unit', 'Dollars', 'Seen in', 'Source'],
      Object.values(prices).map(({ unit, dollars: amount, per, seen, source }) => [
        unit,
        priceText(amount, per),
        seen,
        source,
      ]),
      { left: [0, 2, 3] },
    ),
  ].join('\n\n');
}

function linkTable({ links, deployment }: ReturnType<typeof calculate>): string {
  const row = (name: string, amountOf: (link: (typeof links)[number]) => number): string[] => [
    name,
    ...links.map((link) => dollars(amountOf(link))),
  ];
  return table(
    ['', ...links.map(({ mib }) => `${mib.toLocaleString('en-US')} MiB`)],
    [
      row('upload, copy and link: functions, table, queues', ({ handling }) => handling),
      row('upload and copy: requests to S3', ({ requests }) => requests),
      row(`storage for ${deployment.linkedDays} days`, ({ storage }) => storage),
      row('the end: link and file removed', ({ removal }) => removal),
      row('**all, with no download**', ({ kept }) => kept),
      row('**each time that all are downloaded**', ({ download }) => download),
      row('`OVERSIZE=refuse`: they are refused', ({ refusal }) => refusal),
    ],
  );
}

function priceText(amount: number, per: number): string {
  // In full digits: `1.33e-5` reads badly in a price list.
  const figure = amount.toLocaleString('en-US', { maximumFractionDigits: 12 });
  return per === 1 ? figure : `${figure} per ${per.toLocaleString('en-US')}`;
}

function dollars(amount: number): string {
  return amount.toFixed(4);
}

/** In prettier's format. Figures end at the edge of their column, the columns of `left` begin at it. */
function table(head: string[], rows: string[][], { left = [0] }: { left?: number[] } = {}): string {
  const widths = head.map((_title, column) =>
    Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, column) => pad(cell, { width: widths[column] ?? 0, isLeft: left.includes(column) })).join(' | ')} |`;
  const rule = widths.map((width, column) =>
    left.includes(column) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function pad(cell: string, { width, isLeft }: { width: number; isLeft: boolean }): string {
  return isLeft ? cell.padEnd(width) : cell.padStart(width);
}

/** Replaces the text between the two marks and nothing else. */
function writeTables(text: string): void {
  const document = readFileSync(DOCUMENT, 'utf8');
  const marks = /(<!-- npm run cost -->\n)[^]*(\n<!-- end -->)/;
  if (!marks.test(document))
    throw new Error('docs/cost.md has lost the marks between which the tables stand');
  writeFileSync(
    DOCUMENT,
    document.replace(marks, (_all, begin: string, end: string) => `${begin}\n${text}\n${end}`),
  );
}
