/**
 * Puts names from outside into a form that people can read in a list: one line, one direction, no invisible
 * characters, and composed, so that the same name is the same text. Pure.
 */

/**
 * Characters that end a line, reverse text or are not drawn: with them, two names that appear equal would differ. The
 * joiners and variation selectors of emoji are among them, so a family becomes its members. The marks of interlinear
 * annotations (U+FFF9 to U+FFFB) are not in the property: https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
 */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]+/gu;

/** The character that an earlier decoder put where it could not decode bytes. */
const UNREADABLE = '\uFFFD';

/** The text in the form that is kept and counted. Each run of invisible characters becomes a space. */
export function toPlainText(text: string): string {
  return text.toWellFormed().normalize('NFC').replaceAll(UNSEEN, ' ');
}

/** True for a text of which a part was lost when it was decoded. */
export function isSpoilt(text: string): boolean {
  return text.includes(UNREADABLE) || !text.isWellFormed();
}

/** In characters, as people count them. */
const MAX_NAME_LENGTH = 200;

/** A name for a list of names: plain text, cut to a length that people can read. */
export function toName(text: string): string {
  return Array.from(toPlainText(text).trim()).slice(0, MAX_NAME_LENGTH).join('').trim();
}
