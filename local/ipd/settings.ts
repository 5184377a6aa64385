/**
 * All settings of the fake IPD with their defaults. Where Huawei's pages contradict each other, the limit is off, and a
 * test turns on the one that it needs. Faults are in `faults.ts`.
 */
import { z } from 'zod';
import { OPERATIONS } from './types.ts';

/** "Bodies of up to 12 MB": the smaller reading of it. https://support.huaweicloud.com/api-projectman/projectman_03_0008.html */
const SIGNED_BODY_LIMIT = 12_000_000;

const bytes = z.number().int().nonnegative();

const settingsSchema = z.strictObject({
  /** Any larger body gets a 413 from the gateway. */
  maxBodyBytes: bytes.nullable().default(null),
  /** The limit for requests signed with AK/SK. */
  maxSignedBodyBytes: bytes.nullable().default(SIGNED_BODY_LIMIT),
  maxFileBytes: bytes.nullable().default(null),
  maxAttachmentsPerIssue: bytes.nullable().default(null),
  /** The longest file name in code points. */
  maxNameLength: bytes.nullable().default(null),
  /** A body without a Content-Length gets a 411. */
  refusesChunked: z.boolean().default(false),
  /** Resets the connection of an upload whose body takes longer. */
  bodyTimeoutSeconds: z.number().positive().nullable().default(null),
  /** Refuses names beyond the basic plane, as CodeArts Req does in its text fields (PM.02101004). */
  rejectEmoji: z.boolean().default(false),
  fileSizeAs: z.enum(['number', 'string']).default('number'),
  /** `null` is the example of the API page: the file is stored, and the answer does not contain its id. */
  uploadResult: z.enum(['element', 'null']).default('element'),
  /** How much later the lists show a change. */
  listDelaySeconds: z.number().nonnegative().default(0),
  /** What a link may begin with: IPD takes https alone, which a local stack does not have. */
  linkProtocols: z.array(z.enum(['https', 'http'])).default(['https']),
  /** Where the pages and the published SDK disagree on the shape of an answer about links. */
  linkAnswer: z.enum(['docs', 'sdk']).default('docs'),
  /** Whether IPD takes a link of a URL that the work item has. */
  equalLinks: z.enum(['taken', 'refused']).default('taken'),
  /** The most links that the list shows; its count says how many there are. */
  linksShown: bytes.nullable().default(null),
  /** Whether the list shows a comment's HTML as it was sent. */
  commentMarkup: z.enum(['kept', 'stripped']).default('kept'),
  rateLimit: z
    .strictObject({
      uploadsPerSecond: z.number().positive(),
      /** `window`: never more in any second. `bucket`: on average; one second's unused uploads may follow. */
      counts: z.enum(['window', 'bucket']).default('window'),
      answer: z.enum(['gateway', 'service']).default('gateway'),
      retryAfterSeconds: z.number().int().nonnegative().optional(),
    })
    .nullable()
    .default(null),
  /** How an invalid token is refused: 401 APIGW.0307, or 400 PM.10001002. */
  deadToken: z.enum(['gateway', 'service']).default('gateway'),
  tokenLifeSeconds: z.number().int().positive().default(86_400),
  /** The projects that exist; null: all. */
  projects: z.array(z.string()).nullable().default(null),
  missingIssues: z.array(z.string()).default([]),
  forbiddenIssues: z.array(z.string()).default([]),
  /** What the identity policy of the account does not allow. */
  forbiddenOperations: z.array(z.enum(OPERATIONS)).default([]),
  /** Work items whose list shows 100 elements and that take no upload. */
  fullIssues: z.array(z.string()).default([]),
});

export type Settings = z.output<typeof settingsSchema>;

export type SettingsInput = z.input<typeof settingsSchema>;

/** Settings with defaults filled in; throws a ZodError. */
export function parseSettings(input: unknown): Settings {
  return settingsSchema.parse(input);
}
