/** The words of the command line in the language of its user, and how values come into them. A language is a file of data. */
import { en as catalogueEn } from '../lib/texts/en.ts';
import { zhCn as catalogueZhCn } from '../lib/texts/zh-cn.ts';
import { visible } from './terminal.ts';
import { en } from './texts/en.ts';
import { zhCn } from './texts/zh-cn.ts';
import type { Texts } from './texts/en.ts';

const LANGUAGES = [en, zhCn];
/** A locale as the environment names it (zh_CN.UTF-8), or a language tag. Traditional Chinese is another way of writing. */
const SIMPLIFIED_CHINESE = /^zh(?:[-_](?:hans(?:[-_].+)?|cn|sg))?$/i;

/** The commands for people. Other programs that use these files speak English as a whole. */
const TRANSLATED = /[/\\](?:demo|upload|drop|ops)\.ts$/;

/** The texts of this process. A command is one process, and one person reads it. */
export const texts: Texts = TRANSLATED.test(process.argv[1] ?? '')
  ? textsFor(process.argv.slice(2), process.env)
  : en;

/** What people read about codes and states, in the same language. */
export const catalogue = catalogueFor(texts);

/** Words that are chosen when they are printed: people read their own language, programs read English. */
export type Phrase = (texts: Texts) => string;

/** What went wrong, for people. Its message is English, as that of any other error. */
export class Trouble extends Error {
  readonly phrase: Phrase;

  constructor(phrase: Phrase, options?: ErrorOptions) {
    super(phrase(en), options);
    this.phrase = phrase;
  }
}

/** What people read about codes and states, in the language of these texts. */
export function catalogueFor({ language }: Texts): typeof catalogueZhCn {
  return language === 'zh-CN' ? catalogueZhCn : catalogueEn;
}

/**
 * By --lang, or else by the locale of the environment, of which POSIX sets the order:
 * https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html#tag_08_02
 */
export function textsFor(args: string[], environment: Record<string, string | undefined>): Texts {
  const { LC_ALL, LC_MESSAGES, LANG } = environment;
  const locale = LC_ALL || LC_MESSAGES || LANG || '';
  return SIMPLIFIED_CHINESE.test(languageGiven(args) ?? locale.replace(/[.@].*$/, '')) ? zhCn : en;
}

/** Throws where --lang names no language that there is. */
export function checkLanguage(given: string | undefined): void {
  const languages = LANGUAGES.map(({ language }) => language);
  if (given === undefined || languages.includes(given)) return;
  throw new Error(fill(texts.usage.language, { value: given, languages: languages.join(', ') }));
}

/** Puts values in place of `{name}`, each as text of one line. */
export function fill(text: string, values: Record<string, string | number>): string {
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => visible(String(values[name] ?? whole)));
}

/** A number of bytes for people, in the decimal units that file managers and the page use. */
export function formatBytes(bytes: number): string {
  const power = UNITS.findIndex((_, index) => bytes < 999.95 * 1000 ** index);
  const chosen = power < 0 ? UNITS.length - 1 : power;
  const digits = chosen === 0 ? 0 : 1;
  return `${formatNumber(bytes / 1000 ** chosen, digits)} ${UNITS[chosen]}`;
}

/** A number with so many digits after its decimal point. */
export function formatNumber(value: number, digits: number): string {
  const range = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(texts.language, range).format(value);
}

/** From 0 to 1, rounded down: 100% means all of it. */
export function formatShare(share: number): string {
  return new Intl.NumberFormat(texts.language, { style: 'percent' }).format(Math.floor(share * 100) / 100);
}

/** The day, in the zone of this machine. */
export function formatDay(iso: string): string {
  return new Intl.DateTimeFormat(texts.language, { dateStyle: 'long' }).format(new Date(iso));
}

/** How many columns of a terminal a text takes. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += WIDE.test(character) ? 2 : 1;
  return columns;
}

/** The time of day, in the zone of this machine. */
export function formatTime(iso: string): string {
  const style = { timeStyle: 'medium', hourCycle: 'h23' } as const;
  return new Intl.DateTimeFormat(texts.language, style).format(new Date(iso));
}

/** Take two columns of a terminal: Chinese characters and their punctuation. */
const WIDE = /[\p{Script=Han}\u3000-\u303f\uff00-\uff60]/u;

/** Their symbols are the same in both languages. */
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

function languageGiven(args: string[]): string | undefined {
  const at = args.findIndex((arg) => arg === '--lang' || arg.startsWith('--lang='));
  return at < 0 ? undefined : (/^--lang=(.*)$/.exec(args[at] ?? '')?.[1] ?? args[at + 1]);
}
