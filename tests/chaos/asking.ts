/**
 * How a simulated client calls the API: by HTTP alone, as openapi.yaml has it. It repeats a call that may succeed later,
 * as the project's client does, and gives up after a few attempts.
 */
import { z } from 'zod';
import type { HttpCall } from '../support/lambda-event.ts';
import type { HttpAnswer, Platform } from './platform.ts';
import type { World } from './world.ts';
import { SECOND_MS } from '../../lib/domain/units.ts';

/** A success, or the last refusal; `isPassing`: the same call may succeed later. */
export type Reply =
  ({ kind: 'answer' } & HttpAnswer) | { kind: 'refusal'; status: number; code: string; isPassing: boolean };

export type Ask = (call: HttpCall, options?: { maxCalls?: number }) => Promise<Reply>;

/** As packages/client/src/retry.ts has them. */
const MAX_CALLS = 8;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 20 * SECOND_MS;

const problem = z.object({ code: z.string(), retryable: z.boolean() });

const signed = z.object({ url: z.string(), headers: z.record(z.string(), z.string()) });
const signedPart = signed.extend({ number: z.int(), offset: z.int(), length: z.int() });

const uploadAnswer = z.object({
  id: z.string(),
  status: z.string(),
  uploadDeadline: z.iso.datetime(),
  attachment: z.object({ id: z.string().nullable() }).nullable(),
  link: z.object({ id: z.string(), url: z.string() }).nullish(),
  removal: z.object({ by: z.string() }).nullish(),
  delivery: z.object({ endsAs: z.enum(['attachment', 'link']) }),
  error: z.object({ code: z.string() }).nullable(),
  staging: z.object({
    mode: z.enum(['single', 'multipart']),
    partSize: z.int().optional(),
    url: z.string().optional(),
    headers: signed.shape.headers.optional(),
    parts: z.array(signedPart).optional(),
  }),
});

/** An upload as the API shows it: the members that a simulated client needs. */
export type UploadAnswer = z.infer<typeof uploadAnswer>;
export type SignedRequest = z.infer<typeof signed>;
export type SignedPart = z.infer<typeof signedPart>;

/** Calls the API as this user. */
export function createAsk(owner: string, { world, platform }: { world: World; platform: Platform }): Ask {
  const { time, random, faults } = world;
  return async (call, { maxCalls = MAX_CALLS } = {}) => {
    for (let tries = 1; ; tries += 1) {
      const answer = await platform.api({ claims: { sub: owner }, ...call });
      if (answer.status < 400) return { kind: 'answer', ...answer };
      const { status, body, headers } = answer;
      const said = problem.safeParse(body).data;
      const isPassing = said?.retryable ?? (status >= 500 || status === 429);
      if (said?.code === 'rate_limited') faults.count('rateLimited');
      if (!isPassing || tries >= maxCalls) {
        return { kind: 'refusal', status, code: said?.code ?? 'gateway', isPassing };
      }
      const backoff = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (tries - 1));
      const retryAfter = headers['retry-after'];
      await time.sleep(
        typeof retryAfter === 'string'
          ? Number(retryAfter) * SECOND_MS
          : backoff * (0.5 + random.random() / 2),
      );
    }
  };
}

/** The upload that an answer shows. */
export function readUpload({ body }: { body: unknown }): UploadAnswer {
  return uploadAnswer.parse(body);
}

/** The same; undefined for a refusal. */
export function uploadIn(reply: Reply): UploadAnswer | undefined {
  return reply.kind === 'answer' ? readUpload(reply) : undefined;
}
