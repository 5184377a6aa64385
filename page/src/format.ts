/** Sizes, shares and times in the words of the page's language. Pure. */
import { texts } from './texts.ts';

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
const DAY_MS = 86_400_000;

/** Decimal units, as phones and desktops show files: 4.9 MB. */
export function sizeInWords(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit += 1) value /= 1000;
  const maximumFractionDigits = unit > 1 && value < 9.95 ? 1 : 0;
  const style = { style: 'unit', unit: UNITS[unit], unitDisplay: unit === 0 ? 'long' : 'short' } as const;
  return new Intl.NumberFormat(texts.language, { ...style, maximumFractionDigits }).format(value);
}

/** A whole number of percent, rounded down: 100 % is for the end alone. */
export function shareInWords(share: number): string {
  return new Intl.NumberFormat(texts.language, { style: 'percent' }).format(Math.floor(share * 100) / 100);
}

export function dayInWords(iso: string): string {
  return new Intl.DateTimeFormat(texts.language, { dateStyle: 'long' }).format(new Date(iso));
}

/** The time alone when it is within half a day, else the day as well. */
export function timeInWords(iso: string, now: number): string {
  const time = new Date(iso);
  const isNear = Math.abs(time.getTime() - now) < DAY_MS / 2;
  const style = isNear
    ? ({ timeStyle: 'short' } as const)
    : ({ dateStyle: 'medium', timeStyle: 'short' } as const);
  return new Intl.DateTimeFormat(texts.language, style).format(time);
}
