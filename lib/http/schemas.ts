/**
 * The form of a request for an upload: the rules for every field, in words that say what to do. Pure schemas;
 * lib/uploads/create.ts decides whether the caller may do it.
 */
import * as z from 'zod';
import { contentType, filename, issueId, projectId, sha256, size, typeOrUnknown } from '../domain/fields.ts';

const PAGE = 'must be a whole number from 1 to 100';
const PART = 'must be a part number from 1 to 10000';

/** A time as records have it: a longer text is not a valid key of an index. No upload is older than the epoch. */
const startTime = z.iso.datetime({ precision: 3 }).refine((time) => Date.parse(time) >= 0);
const cursorItem = z.object({ id: z.uuid(), createdAt: startTime });

export const newUpload = z.strictObject(
  {
    projectId,
    issueId,
    filename,
    contentType,
    size,
    sha256: sha256.optional(),
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

/** Some browsers do not know a file's type, or have their own name for it. */
const uppyType = z.string('must be a string').nullish().transform(typeOrUnknown);
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
