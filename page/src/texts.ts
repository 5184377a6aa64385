/** The page's words in the language it is shown in, and how values come into them. Another language is another file of data. */
import { en } from './texts/en.ts';

/** All texts of one language. */
export type Texts = Worded<typeof en>;

type Worded<T> = { readonly [K in keyof T]: T[K] extends string ? string : Worded<T[K]> };

export const texts: Texts = en;

/** Puts values in place of `{name}`. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The page's own words for an error code, or else the ones that came with the error. */
export function wordsFor(code: string, given: string): string {
  const own: Record<string, string> = texts.errors;
  return own[code] ?? given;
}
