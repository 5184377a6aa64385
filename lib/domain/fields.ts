/**
 * What each field of an upload may be, in words that say what to do. Pure schemas, the same for users' requests and
 * for what producers offer.
 */
import * as z from 'zod';
import { isComposite } from './content-type.ts';
import { isSpoilt, toPlainText } from './plain-text.ts';
import { PROJECT_ID } from './upload.ts';

/** https://support.huaweicloud.com/api-projectman/CreateIpdProjectIssueAttachment.html */
export const projectId = z
  .string('must be a string')
  .regex(PROJECT_ID, "must be the project's 32 letters and digits");
export const issueId = z
  .string('must be a string, since it has more digits than a number can carry')
  .regex(
    /^[0-9]{18,19}$/,
    "must be the work item's id of 18 or 19 digits, not the short number the console shows",
  );

const NAME = { length: 200, error: 'must have at most 200 characters' };

export const filename = z
  .string('must be a string')
  // A decomposed character has at most six UTF-16 units, so a longer text is too long in any case and need not be
  // composed.
  .max(6 * NAME.length, { error: NAME.error, abort: true })
  .min(1, 'must not be empty')
  .refine((name) => !isSpoilt(name), 'must be valid Unicode, without U+FFFD')
  .refine((name) => !/\p{Cc}/u.test(name), 'must not contain control characters')
  .refine(
    (name) => !/[\\/]/.test(name) && name !== '.' && name !== '..',
    'must be a bare name without a path',
  )
  .transform(toPlainText)
  .refine((name) => name.trim() !== '', 'must have a character that is seen')
  .refine((name) => Array.from(name).length <= NAME.length, NAME.error);

/** https://www.rfc-editor.org/rfc/rfc9110#name-media-type */
export const contentType = z
  .string('must be a string')
  // The pattern must not run on a text that is far too long.
  .max(255, { error: 'must have at most 255 characters', abort: true })
  .regex(
    /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+( *; *[\w!#$&^.+-]+=([\w!#$&^.+-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*$/,
    'must be a media type such as image/png',
  )
  .refine(
    (type) => !isComposite(type),
    'must not be multipart/* or message/*, which IPD could read as several files: send application/octet-stream',
  );

export const size = z
  .int('must be a whole number of bytes')
  .min(1, 'must be at least 1: an empty file cannot be attached');

/** The hash of the file's bytes. */
export const sha256 = z
  .string('must be a string')
  .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
  .transform((hex) => hex.toLowerCase());

/** A content type that is missing or not valid is no reason to refuse a file. */
export function typeOrUnknown(type: string | null | undefined): string {
  return contentType.safeParse(type).data ?? 'application/octet-stream';
}
