/**
 * What all operator commands share: their options, the type of a command, and how to read and print ages and numbers.
 * Pure.
 */
import type { parseArgs } from 'node:util';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';
import { columnsOf, fill, texts } from '../texts.ts';

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

export const OPTIONS = {
  local: flag,
  stage: text,
  settings: text,
  profile: text,
  region: text,
  lang: text,
  json: flag,
  help: { ...flag, short: 'h' },
  state: text,
  code: text,
  source: text,
  owner: text,
  project: text,
  issue: text,
  'older-than': text,
  'younger-than': text,
  limit: text,
  scan: flag,
  all: flag,
  reason: text,
  by: text,
  'dry-run': flag,
  redrive: flag,
  yes: flag,
  query: text,
  since: text,
  from: text,
  check: flag,
  sizes: text,
  refine: text,
  'rate-seconds': text,
  'slow-seconds': text,
  'quiet-seconds': text,
  fill: flag,
  links: flag,
  patience: text,
  record: text,
  api: text,
  token: text,
} as const;

export type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

/** What the operator gave: options, and names beside them. */
export type Given = { values: Values; names: string[] };

/** Prints a line for people; not on standard output when that is for a program. */
export type Say = (line: string) => void;

export type Task = {
  /** Its options, and `ID` when it takes names. */
  takes: string[];
  /** Throws on wrong usage. */
  check?: (given: Given) => void;
  /** `answer` is what --json prints. */
  run: (work: Given & { say: Say; signal: AbortSignal }) => Promise<{ well: boolean; answer: unknown }>;
};

const UNITS = { s: 1000, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS } as const;

/** Milliseconds of `30m`, `2h`, `3d`. Throws on anything else. */
export function readAge(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(value) ?? [];
  if (unit !== 's' && unit !== 'm' && unit !== 'h' && unit !== 'd') {
    throw new Error(fill(texts.ops.wrong.noAge, { option, value }));
  }
  return Number(count) * UNITS[unit];
}

/** A whole number that an option gives. Throws on anything else. */
export function readCount(option: string, value: string | undefined, standard: number): number {
  if (value === undefined) return standard;
  if (!/^\d{1,9}$/.test(value)) throw new Error(fill(texts.usage.noNumber, { option, value }));
  return Number(value);
}

/** An age in its largest unit, as people say it. */
export function sayAge(ms: number): string {
  const unit = (['d', 'h', 'm'] as const).find((name) => ms >= 2 * UNITS[name]) ?? 's';
  return fill(texts.ops.ages[unit], { count: Math.max(Math.floor(ms / UNITS[unit]), 0) });
}

/** Lines of a table, its columns as wide as their cells. */
export function sayTable(rows: string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => columnsOf(row[column] ?? ''))),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => padColumns(cell, widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Fills a text with spaces, so that it takes at least so many columns of a terminal. */
export function padColumns(words: string, columns: number): string {
  return words + ' '.repeat(Math.max(columns - columnsOf(words), 0));
}
