/** The output of a bench: each figure beside its peers of the same run, and the ratios that have a limit. */
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { MIB } from '../lib/domain/units.ts';

/** One figure. `subject`: the program that it belongs to (`bridge`, or a peer's name). */
export type Row = { subject: string; metric: string; value: number; unit: string };

/** `ratios` may have ratios without a limit. A missing ratio misses its limit. */
export type Figures = { rows: Row[]; ratios: Record<string, number> };

export type Options = {
  /** How often everything is measured, bridge and the peers in alternation. Undefined: the bench's own number. */
  rounds: number | undefined;
  /** Tells the user about the progress. */
  log: (line: string) => void;
};

/** Each bench file exports one as `bench`. */
export type Bench = {
  /** The most that each ratio may be. */
  limits: Record<string, number>;
  measure: (options: Options) => Promise<Figures>;
};

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Between the two nearest values, as most tools do it. NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/** The rows of one figure measured several times: its median, and how far the rounds lie apart. */
export function rowsOf({
  subject,
  metric,
  unit,
  values,
}: {
  subject: string;
  metric: string;
  unit: string;
  values: readonly number[];
}): Row[] {
  return [
    { subject, metric, value: median(values), unit },
    { subject, metric: `${metric}, lowest`, value: Math.min(...values), unit },
    { subject, metric: `${metric}, highest`, value: Math.max(...values), unit },
  ];
}

/** The ratios above their limit. */
export function exceededOf(limits: Record<string, number>, ratios: Record<string, number>): string[] {
  return Object.entries(limits).flatMap(([name, limit]) => {
    const value = ratios[name] ?? Number.NaN;
    return value <= limit ? [] : [`${name} is ${round(value)}, the limit is ${limit}`];
  });
}

/** The machine on which the bench ran. */
export function machine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / MIB),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    openssl: process.versions.openssl,
  };
}

/** A table for people: a line a figure, its rounds behind it. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map(({ subject, metric, value, unit }) => [subject, metric, `${round(value)} ${unit}`]);
  const widths = [0, 1].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .join('\n');
}

function round(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  return String(Number(value.toFixed(digits)));
}
