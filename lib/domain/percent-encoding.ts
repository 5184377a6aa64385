/** How storage and HTTP write texts in ASCII. Pure. */

/** RFC 3986: everything but unreserved characters. */
export function percentEncode(value: string): string {
  return encodeURIComponent(value).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Keys in events and listings are form-encoded: a space comes as `+`. What cannot be decoded is taken as it is. */
export function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return key;
  }
}
