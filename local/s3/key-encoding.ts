/**
 * Keys in the form that S3 writes into events and encoded listings, and reads from copy sources and the filters of
 * notifications: like a form's field, but slashes stay. Pure.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */

/** A space becomes `+`, and `+` becomes `%2B`. */
export function encodeKey(key: string): string {
  return key
    .split('/')
    .map((segment) => new URLSearchParams([['', segment]]).toString().slice(1))
    .join('/');
}

/** The key that this text stands for; undefined when it is not encoded text. */
export function decodeKey(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
