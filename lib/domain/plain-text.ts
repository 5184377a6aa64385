/**
 * Names from outside that people read beside others: on one line, in one direction, with nothing in them that is not
 * seen, and composed, so that the same name is the same text. Pure.
 */

/** Ends a line, turns text around, or has no width: two names that look alike would not be the same. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u180E\u200B-\u200D\u2060-\u2064\uFEFF]+/gu;

/** What stands where bytes could not be decoded, by whoever has tried it before us. */
const UNREADABLE = '\uFFFD';

/** The text in the form that is kept and counted; what is not seen becomes a space. */
export function toPlainText(text: string): string {
  return text.toWellFormed().normalize('NFC').replaceAll(UNSEEN, ' ');
}

/** True for a text of which a part was lost when it was decoded. */
export function isSpoilt(text: string): boolean {
  return text.includes(UNREADABLE) || !text.isWellFormed();
}
