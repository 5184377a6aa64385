/**
 * Puts names from outside into a form that people can read in a list: one line, one direction, no invisible
 * characters, and composed, so that the same name is the same text. Pure.
 */

/** Characters that end a line, reverse text or have no width: with them, two names that appear equal would differ. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u180E\u200B-\u200D\u2060-\u2064\uFEFF]+/gu;

/** The character that an earlier decoder put where it could not decode bytes. */
const UNREADABLE = '\uFFFD';

/** The text in the form that is kept and counted. Invisible characters become a space. */
export function toPlainText(text: string): string {
  return text.toWellFormed().normalize('NFC').replaceAll(UNSEEN, ' ');
}

/** True for a text of which a part was lost when it was decoded. */
export function isSpoilt(text: string): boolean {
  return text.includes(UNREADABLE) || !text.isWellFormed();
}
