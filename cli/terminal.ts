/**
 * The one way from this folder to a terminal. Words of others (names, keys, owners, what IPD says) are text there: they
 * end no line, place no cursor, ring no bell and change no reading direction. Knows nothing of what is said.
 */

/** Control characters, ends of lines, and what changes the reading direction of the text after it; what Arabic names need is none of them. */
const CONTROLS = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** The same text with such characters as JSON writes them, so that JSON stays what it is. */
export function visible(text: string): string {
  return text.replaceAll(
    CONTROLS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Writes a text of one line or more to standard output. */
export function print(text: string): void {
  console.log(linesOf(text));
}

/** The same to standard error. */
export function note(text: string): void {
  console.error(linesOf(text));
}

/** Its own ends of lines stay: values come into a text by `fill`, which leaves them none. */
function linesOf(text: string): string {
  return text.split('\n').map(visible).join('\n');
}
