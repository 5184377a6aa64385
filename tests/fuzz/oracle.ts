/**
 * What must be true of every answer to an input: openapi.yaml describes it, it is no 5xx, no header carries text
 * of the input, and it is short enough for Lambda. A function reports no queue message as failed, since SQS would
 * deliver it again; but ingest reports just what is no message, so that it ends among the dead letters.
 */
import { z } from 'zod';
import { readIngestMessage } from '../../lib/messaging/ingest-queue.ts';
import { expectContract } from '../support/contract.ts';
import type { Target } from './targets.ts';

/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const ANSWER_LIMIT_BYTES = 6 * 1024 * 1024;

/** `created`: the id in Location. */
export type Judged = { status: string; body: string; created: string | undefined };

/** These headers alone, in this form: any other header text would come from a request. */
const headers = z.strictObject({
  'content-type': z.enum(['application/json', 'application/problem+json']).optional(),
  'cache-control': z.literal('no-store').optional(),
  location: z.templateLiteral(['/v1/uploads/', z.uuid()]).optional(),
  etag: z
    .string()
    .regex(/^"\d+(-\d+)?(-zh-CN)?"$/)
    .optional(),
  'retry-after': z.string().regex(/^\d+$/).optional(),
  'content-language': z.enum(['en', 'zh-CN']).optional(),
  vary: z.literal('accept-language').optional(),
});
const httpAnswer = z.object({ statusCode: z.int(), headers, body: z.string().optional() });
const batchAnswer = z.strictObject({
  batchItemFailures: z.array(z.strictObject({ itemIdentifier: z.string() })),
});
const batch = z.object({ Records: z.array(z.object({ messageId: z.string(), body: z.string() })) });

/** The target that refuses messages. */
const INGEST = 'ingest (queue)';

const DONE: Judged = { status: 'done', body: '', created: undefined };

/** The answer of a target to an event, parsed; throws with what is wrong with it. */
export function judge(target: Target, event: unknown, answer: unknown): Judged {
  if (target.kind === 'schedule') return DONE;
  if (target.kind === 'queue') {
    const { Records } = batch.parse(event);
    const isRefused = (body: string): boolean =>
      target.name === INGEST && readIngestMessage(body) === undefined;
    const refused = Records.filter(({ body }) => isRefused(body)).map(({ messageId }) => messageId);
    const failed = batchAnswer.parse(answer).batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
    if (JSON.stringify(failed) !== JSON.stringify(refused)) {
      throw new Error(`reported as failed: ${failed.join()}; no message: ${refused.join()}`);
    }
    return DONE;
  }
  const { statusCode, body = '', ...rest } = httpAnswer.parse(answer);
  if (statusCode >= 500) throw new Error(`answered ${statusCode}: ${body}`);
  if (Buffer.byteLength(JSON.stringify(answer)) > ANSWER_LIMIT_BYTES)
    throw new Error('the answer is too long');
  expectContract({
    request: target.name === '$default' ? 'GET /nowhere' : target.name,
    status: statusCode,
    headers: Object.entries(rest.headers),
    body,
  });
  return { status: String(statusCode), body, created: rest.headers.location?.split('/').at(-1) };
}

const received = z.array(
  z.object({ filename: z.string(), rawFilename: z.string(), contentType: z.string() }),
);

/** What IPD must never have been sent: a name or a type that ends its header, or begins another parameter. */
export function judgeReceived(list: unknown): { attachments: number; injected: string[] } {
  const attachments = received.parse(list);
  const injected = attachments.flatMap(({ rawFilename, contentType }) =>
    /[\p{Cc}"]/u.test(rawFilename) || /[^\x20-\x7e]/.test(contentType) ? [rawFilename] : [],
  );
  return { attachments: attachments.length, injected };
}
