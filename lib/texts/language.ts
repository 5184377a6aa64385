/** Which of our languages a person gets, and its texts. Chinese is loaded when it is first asked for. */
import type { Catalogue } from './catalogue.ts';
import { en } from './en.ts';

type Language = Catalogue['language'];
type Wish = { range: string; quality: number };

/** zh-TW, zh-HK and zh-Hant are written in other characters: they do not mean this language. */
const RANGES: Record<Language, RegExp> = {
  en: /^en(?:-|$)/,
  'zh-CN': /^zh(?:-(?:hans(?:-.+)?|cn|sg))?$/,
};
const QUALITY = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i;

/**
 * The language for an Accept-Language header: the one of the highest quality, of two the one that is named first, and
 * English if none is wanted. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4
 */
export function languageFor(acceptLanguage = ''): Language {
  const wishes = acceptLanguage.split(',').flatMap(readWish);
  const [best] = (['en', 'zh-CN'] as const)
    .map((language) => ({ language, ...rank(language, wishes) }))
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality || a.place - b.place);
  return best?.language ?? 'en';
}

/** The texts of a language. */
export async function textsIn(language: Language): Promise<Catalogue> {
  return language === 'en' ? en : (await import('./zh-cn.ts')).zhCn;
}

/** What is not a range with a quality is ignored, as a header of another form would be. */
function readWish(element: string): Wish[] {
  const [range = '', ...parameters] = element.split(';').map((part) => part.trim());
  if (!/^(?:\*|[a-z]{1,8}(?:-[a-z\d]{1,8})*)$/i.test(range)) return [];
  if (parameters.length === 0) return [{ range: range.toLowerCase(), quality: 1 }];
  const [, quality] = QUALITY.exec(parameters.join(';')) ?? [];
  return quality === undefined ? [] : [{ range: range.toLowerCase(), quality: Number(quality) }];
}

/** `*` stands for the languages that no other range means. A language that is refused by its own name stays refused. */
function rank(language: Language, wishes: Wish[]): { quality: number; place: number } {
  const named = wishes.filter(({ range }) => RANGES[language].test(range));
  const own = named.length > 0 ? named : wishes.filter(({ range }) => range === '*');
  const isRefused = own.some(({ range, quality }) => range === language.toLowerCase() && quality === 0);
  const quality = isRefused ? 0 : Math.max(0, ...own.map((wish) => wish.quality));
  return { quality, place: wishes.findIndex((wish) => own.includes(wish) && wish.quality === quality) };
}
