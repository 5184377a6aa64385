/**
 * The form of a request for an upload: the rules for every field, in words that say what to do. Pure schemas;
 * lib/uploads/create.ts decides whether the caller may do it.
 */
import * as z from 'zod';
import { isComposite } from '../domain/content-type.ts';
import { isSpoilt, toPlainText } from '../domain/plain-text.ts';
import { PROJECT_ID } from '../domain/upload.ts';

const PAGE = 'must be a whole number from 1 to 100';
const PART = 'must be a part number from 1 to 10000';

/** A time as records have it: a longer text is not a valid key of an index. No upload is older than the epoch. */
const startTime = z.iso.datetime({ precision: 3 }).refine((time) => Date.parse(time) >= 0);
const cursorItem = z.object({ id: z.uuid(), createdAt: startTime });

/** https://support.huaweicloud.com/api-projectman/CreateIpdProjectIssueAttachment.html */
const projectId = z
  .string('must be a string')
  .regex(PROJECT_ID, "must be the project's 32 letters and digits");
const issueId = z
  .string('must be a string, since it has more digits than a number can carry')
  .regex(
    /^[0-9]{18,19}$/,
    "must be the work item's id of 18 or 19 digits, not the short number the console shows",
  );

const NAME = { length: 200, error: 'must have at most 200 characters' };

const filename = z
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
const contentType = z
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

const size = z
  .int('must be a whole number of bytes')
  .min(1, 'must be at least 1: an empty file cannot be attached');

export const newUpload = z.strictObject(
  {
    projectId,
    issueId,
    filename,
    contentType,
    size,
    sha256: z
      .string('must be a string')
      .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
      .transform((hex) => hex.toLowerCase())
      .optional(),
    mode: z.enum(['auto', 'single', 'multipart'], "must be 'auto', 'single' or 'multipart'").optional(),
  },
  'must be a JSON object',
);

/** Which uploads to list. Unknown parameters are refused, since they would be ignored. */
export const uploadsQuery = z.strictObject({
  state: z.literal('open', "must be 'open', or left out for all").optional(),
  projectId: projectId.optional(),
  issueId: issueId.optional(),
  limit: z.coerce.number(PAGE).int(PAGE).min(1, PAGE).max(100, PAGE).default(20),
  cursor: z
    .string()
    .transform((text) => cursorItem.safeParse(parseCursor(text)).data)
    .refine((position) => position !== undefined, 'must be the nextCursor of an earlier answer')
    .optional(),
});

/** Where the next page begins, for a client to give back as it is. */
export function toCursor({ id, createdAt }: z.infer<typeof cursorItem>): string {
  return Buffer.from(JSON.stringify({ id, createdAt })).toString('base64url');
}

/**
 * A content type that is missing or not valid is no reason to refuse a file: some browsers do not know it, or have
 * their own name for it.
 */
const uppyType = z
  .string('must be a string')
  .nullish()
  .transform((type) => contentType.safeParse(type).data ?? 'application/octet-stream');
const uppyFile = { filename, type: uppyType };

export const newSession = z.strictObject(
  {
    projectId,
    issueId,
    files: z
      .array(z.strictObject({ name: filename, size, type: uppyType }))
      .min(1, 'must name at least one file, or be left out')
      .max(20, 'must name at most 20 files')
      .optional(),
  },
  'must be a JSON object',
);

/** Uppy also sends all metadata of a file. It is not trusted, so it is not read. */
export const uppyQuery = z.object(uppyFile);
export const uppyBody = z.object(uppyFile, 'must be a JSON object');

export const keyQuery = z.object({ key: z.string("must be the upload's key") });

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const partPath = z.object({
  partNumber: z.coerce.number(PART).int(PART).min(1, PART).max(10_000, PART),
});

export const namedParts = z
  .object(
    {
      parts: z
        .array(
          z.object(
            {
              PartNumber: z.int(PART).min(1, PART).max(10_000, PART),
              ETag: z.string('must be the ETag that storage gave'),
            },
            'must be {"PartNumber", "ETag"}',
          ),
          'must be the parts that make the file',
        )
        .min(1, 'must name the parts that make the file')
        .max(10_000, 'must name at most 10000 parts')
        .superRefine(refuseTwins),
    },
    'must be a JSON object',
  )
  .transform(({ parts }) => parts.map(({ PartNumber, ETag }) => ({ number: PartNumber, etag: ETag })));

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

/**
 * A part has one place in the file. A client that names it twice has made a mistake, so the rest of its list may be
 * wrong, too.
 */
function refuseTwins(parts: { PartNumber: number }[], context: z.RefinementCtx): void {
  const seen = new Set<number>();
  for (const [index, { PartNumber }] of parts.entries()) {
    if (seen.has(PartNumber)) {
      context.addIssue({ code: 'custom', path: [index, 'PartNumber'], message: 'must not be named twice' });
    }
    seen.add(PartNumber);
  }
}

function parseCursor(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}
