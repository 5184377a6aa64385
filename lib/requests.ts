/**
 * What a request for an upload may look like: the rules for every field, in words that say what to do.
 * Pure schemas; whether the caller may do it is the intake's matter.
 */
import { z } from 'zod';

/** https://support.huaweicloud.com/api-projectman/CreateIpdProjectIssueAttachment.html */
const projectId = z
  .string('must be a string')
  .regex(/^[A-Za-z0-9]{32}$/, "must be the project's 32 letters and digits");
const issueId = z
  .string('must be a string, since it has more digits than a number can hold')
  .regex(
    /^[0-9]{18,19}$/,
    "must be the work item's id of 18 or 19 digits, not the short number the console shows",
  );

const filename = z
  .string('must be a string')
  .refine((name) => name.isWellFormed(), 'must be valid Unicode')
  .refine((name) => Array.from(name).length >= 1, 'must not be empty')
  .refine((name) => Array.from(name).length <= 200, 'must have at most 200 characters')
  .refine((name) => !/\p{Cc}/u.test(name), 'must not contain control characters')
  .refine(
    (name) => !/[\\/]/.test(name) && name !== '.' && name !== '..',
    'must be a bare name without a path',
  );

/** https://www.rfc-editor.org/rfc/rfc9110#name-media-type */
const contentType = z
  .string('must be a string')
  .max(255, 'must have at most 255 characters')
  .regex(
    /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+( *; *[\w!#$&^.+-]+=([\w!#$&^.+-]+|"[\x20\x21\x23-\x5b\x5d-\x7e]*"))*$/,
    'must be a media type such as image/png',
  );

export const newUpload = z.strictObject(
  {
    projectId,
    issueId,
    filename,
    contentType,
    size: z
      .int('must be a whole number of bytes')
      .min(1, 'must be at least 1: an empty file cannot be attached'),
    sha256: z
      .string('must be a string')
      .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
      .transform((hex) => hex.toLowerCase())
      .optional(),
    mode: z.enum(['auto', 'single'], "must be 'auto' or 'single'").optional(),
  },
  'must be a JSON object',
);

/** A file that came through IPD's own route. */
export const attachRequest = z.object({
  projectId,
  issueId,
  filename,
  contentType,
  bytes: z
    .instanceof(Buffer)
    .refine((bytes) => bytes.length > 0, 'must not be empty: an empty file cannot be attached'),
});
