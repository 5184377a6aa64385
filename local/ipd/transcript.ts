/** The form of a transcript: what a tenant of IPD was asked and answered, without secrets, names and ids. */
import { z } from 'zod';

const auth = z.enum(['aksk', 'token']);
const request = z.discriminatedUnion('operation', [
  z.strictObject({
    operation: z.literal('upload'),
    auth,
    filename: z.string(),
    size: z.int().nonnegative(),
    chunked: z.boolean(),
    trickleSeconds: z.number().nonnegative(),
  }),
  z.strictObject({ operation: z.literal('list') }),
  z.strictObject({ operation: z.literal('token') }),
  z.strictObject({ operation: z.literal('linkList') }),
  z.strictObject({ operation: z.literal('linkCreate'), title: z.string(), url: z.string() }),
  /** `ordinal`: of what was made before, the first is 1; 0: an id that there is not. */
  z.strictObject({ operation: z.literal('linkDelete'), ordinal: z.int().nonnegative() }),
  z.strictObject({ operation: z.literal('commentList') }),
  z.strictObject({ operation: z.literal('commentCreate'), html: z.string() }),
  z.strictObject({ operation: z.literal('commentDelete'), ordinal: z.int().nonnegative() }),
]);
const answer = z.union([
  z.strictObject({
    status: z.int(),
    headers: z.record(z.string(), z.string()),
    /** Absent where the body is not JSON. */
    json: z.json().optional(),
    /** What the body is where it is not JSON. */
    other: z.enum(['empty', 'page', 'text']).optional(),
  }),
  /** The connection ended before an answer. */
  z.strictObject({ lost: z.literal(true) }),
]);

export const transcriptSchema = z.strictObject({
  format: z.literal(1),
  /** The settings under which the fake IPD is expected to answer so; a person adds them. */
  settings: z.record(z.string(), z.json()).optional(),
  /** Where answers have members that are not listed. Their values are not written. */
  unlisted: z.array(z.string()),
  exchanges: z.array(z.strictObject({ request, answer })),
});

export type Transcript = z.output<typeof transcriptSchema>;
export type Exchange = Transcript['exchanges'][number];
export type RecordedRequest = Exchange['request'];
export type RecordedAnswer = Exchange['answer'];
export type Json = z.output<ReturnType<typeof z.json>>;
