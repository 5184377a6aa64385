/** The page's words in the language of its reader, and how values come into them. A language is a file of data. */
import { en } from './texts/en.ts';
import type { Texts } from './texts/en.ts';
import { zhCn } from './texts/zh-cn.ts';

/** Traditional Chinese (zh-TW, zh-HK, zh-Hant) is another way of writing. */
const SIMPLIFIED_CHINESE = /^zh(?:-(?:hans(?:-.+)?|cn|sg))?$/i;

/** In the first of the browser's languages that the page has. */
export const texts: Texts = textsFor(navigator.languages);

/** The texts for a reader who prefers these languages; English for one who reads none of them. */
export function textsFor(languages: readonly string[]): Texts {
  const first = languages.find((tag) => /^en(?:-|$)/i.test(tag) || SIMPLIFIED_CHINESE.test(tag));
  return first !== undefined && SIMPLIFIED_CHINESE.test(first) ? zhCn : en;
}

/** Puts values in place of `{name}`. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The page's own words for an error code, or else the ones that came with the error. */
export function wordsFor(code: string, given: string): string {
  const own: Record<string, string> = texts.errors;
  return own[code] ?? given;
}

/** Whole sentences one after the other; Chinese has no space between them. */
export function sentences(...parts: string[]): string {
  return parts.filter(Boolean).join(texts.language === 'zh-CN' ? '' : ' ');
}
