/**
 * `npm run ops -- smoke`: after a deploy, sends one small file through the bridge into IPD, with the client that apps
 * use. The attachment stays, so the work item should be one for tests.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { createClient, UploadError } from '../../packages/client/src/node.ts';
import { ANY_WORK_ITEM, findLocalStack, mintToken } from '../local-stack.ts';
import { describeOutcome } from '../transfer.ts';
import { findApi } from './place.ts';
import { readCount } from './terms.ts';
import type { Given, Task, Values } from './terms.ts';
import { fill, texts, Trouble } from '../texts.ts';
import type { Texts } from '../texts/en.ts';

const STANDARD_PATIENCE_SECONDS = 120;
/** Fails sooner than an app would, since an operator waits. */
const TIMING = { attempts: 4 };

export const smoke: Task = {
  takes: ['api', 'token', 'project', 'issue', 'patience'],
  check,

  async run({ values, say, signal: interrupted }) {
    const { projectId, issueId, ...access } = await findAccess(values);
    const patienceSeconds = readCount('patience', values.patience, STANDARD_PATIENCE_SECONDS);
    const signal = AbortSignal.any([interrupted, AbortSignal.timeout(patienceSeconds * 1000)]);
    const client = createClient({ ...access, timing: TIMING, language: texts.language });
    const startedAt = performance.now();
    const elapsedMs = () => Math.round(performance.now() - startedAt);
    const limits = await client.limits(signal).catch((cause: unknown) => {
      if (!(cause instanceof UploadError && cause.status === 401)) throw cause;
      throw new Trouble(
        (words) => {
          const why = describeToken(access.token, words);
          return fill(words.ops.smoke.refusesToken, { url: access.apiUrl, why });
        },
        { cause },
      );
    });
    const ways: Record<string, string> = texts.ops.breaker;
    const way = ways[limits.breaker.state] ?? limits.breaker.state;
    say(fill(texts.ops.smoke.answers, { url: access.apiUrl, ms: elapsedMs(), way }));

    let last: string | undefined;
    const upload = await client
      .upload({
        projectId,
        issueId,
        filename: `smoke test ${new Date().toISOString().replaceAll(':', '.')}.txt`,
        contentType: 'text/plain',
        file: new Blob([`smoke test ${randomBytes(16).toString('hex')}\n`]),
        signal,
        onStatus: ({ id, status }) => {
          if (last === status) return;
          last = status;
          const about = { ms: String(elapsedMs()).padStart(6), status };
          say(
            status === 'awaiting_upload'
              ? fill(texts.ops.smoke.firstLine, { ...about, id })
              : fill(texts.ops.smoke.line, about),
          );
        },
      })
      .catch((cause: unknown) => {
        if (!signal.aborted || interrupted.aborted) throw cause;
        throw new Trouble(
          ({ ops }) =>
            fill(ops.smoke.notEnded, { seconds: patienceSeconds, last: last ?? ops.smoke.nothing }),
          { cause },
        );
      });
    say(describeOutcome(upload));
    const { id, status, attachment, error } = upload;
    const answer = {
      id,
      status,
      attachmentId: attachment?.id ?? null,
      code: error?.code,
      durationMs: elapsedMs(),
    };
    return { well: status === 'delivered', answer };
  },
};

function check({ values }: Given): void {
  const { local, stage, api, project, issue } = values;
  readCount('patience', values.patience, STANDARD_PATIENCE_SECONDS);
  if (local) return;
  if (api === undefined && stage === undefined) throw new Error(texts.ops.wrong.needsApi);
  if (api !== undefined && !URL.canParse(api)) {
    throw new Error(fill(texts.usage.noUrl, { value: api }));
  }
  if (tokenOf(values) === '') throw new Error(texts.ops.wrong.needsToken);
  if (!project || !issue) throw new Error(texts.ops.wrong.needsWorkItem);
}

async function findAccess(values: Values) {
  const { projectId, issueId } = ANY_WORK_ITEM;
  const item = { projectId: values.project ?? projectId, issueId: values.issue ?? issueId };
  if (values.local) {
    const { apiUrl, tokenUrl } = await findLocalStack();
    return { ...item, apiUrl, token: tokenOf(values) || (await mintToken(tokenUrl, 'smoke')) };
  }
  return { ...item, apiUrl: values.api ?? (await findApi(values.stage ?? '')), token: tokenOf(values) };
}

function tokenOf({ token }: Values): string {
  return token ?? process.env['UPLOAD_TOKEN'] ?? '';
}

const claims = z.looseObject({
  iss: z.unknown(),
  aud: z.unknown(),
  exp: z.number().optional(),
});

/** The claims that the gateway checks: its answer never names the wrong one. Only a token's signature is secret. */
function describeToken(token: string, { ops, separators }: Texts): string {
  const found = claims.safeParse(payloadOf(token)).data;
  if (found === undefined) return ops.smoke.noJwt;
  const { iss, aud, exp } = found;
  const words = [
    ...(exp !== undefined && exp * 1000 < Date.now() ? [ops.smoke.isOver] : []),
    fill(ops.smoke.issuer, { claim: quoted(iss, ops) }),
    fill(ops.smoke.audience, { claim: quoted(aud, ops) }),
    exp === undefined ? ops.smoke.noEnd : fill(ops.smoke.end, { at: new Date(exp * 1000).toISOString() }),
  ];
  return words.join(separators.clauses);
}

function payloadOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  } catch {
    return undefined;
  }
}

function quoted(claim: unknown, ops: Texts['ops']): string {
  return claim === undefined ? ops.smoke.notThere : JSON.stringify(claim);
}
