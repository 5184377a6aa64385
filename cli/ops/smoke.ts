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

const STANDARD_PATIENCE_SECONDS = 120;
/** Fails sooner than an app would, since an operator waits. */
const TIMING = { attempts: 4 };

/** What the breaker's state means for a file. */
const WAY: Record<string, string> = {
  closed: 'files go on to IPD',
  open: 'files are held back, since IPD is out (the breaker is open)',
  half_open: 'one file at a time tries whether IPD is back (the breaker is half open)',
};

export const smoke: Task = {
  takes: ['api', 'token', 'project', 'issue', 'patience'],
  check,

  async run({ values, say, signal: interrupted }) {
    const { projectId, issueId, ...access } = await findAccess(values);
    const patienceSeconds = readCount('patience', values.patience, STANDARD_PATIENCE_SECONDS);
    const signal = AbortSignal.any([interrupted, AbortSignal.timeout(patienceSeconds * 1000)]);
    const client = createClient({ ...access, timing: TIMING });
    const startedAt = performance.now();
    const elapsedMs = () => Math.round(performance.now() - startedAt);
    const limits = await client.limits(signal).catch((cause: unknown) => {
      if (!(cause instanceof UploadError && cause.status === 401)) throw cause;
      throw new Error(`${access.apiUrl} refuses the token: ${describeToken(access.token)}`, { cause });
    });
    say(
      `${access.apiUrl} answers in ${elapsedMs()} ms; ${WAY[limits.breaker.state] ?? limits.breaker.state}`,
    );

    let last = 'nothing';
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
          say(
            `${String(elapsedMs()).padStart(6)} ms  ${status}${status === 'awaiting_upload' ? ` as ${id}` : ''}`,
          );
        },
      })
      .catch((cause: unknown) => {
        if (!signal.aborted || interrupted.aborted) throw cause;
        throw new Error(`The upload did not end within ${patienceSeconds} s; its last state was ${last}`, {
          cause,
        });
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
  if (api === undefined && stage === undefined) throw new Error('Give --stage, --api or --local');
  if (api !== undefined && !URL.canParse(api)) throw new Error(`--api ${api} is not a URL`);
  if (tokenOf(values) === '') throw new Error('--token or UPLOAD_TOKEN is needed: the JWT of a user');
  if (!project || !issue) throw new Error('--project and --issue are needed: a work item for tests');
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
function describeToken(token: string): string {
  const found = claims.safeParse(payloadOf(token)).data;
  if (found === undefined) return 'it is no JWT';
  const { iss, aud, exp } = found;
  const words = [
    `its issuer (iss) is ${quoted(iss)}, which has to be the ISSUER_URL of the deployment to the letter`,
    `its audience (aud) is ${quoted(aud)}, which has to be or to include JWT_AUDIENCE`,
    exp === undefined ? 'it has no end (exp)' : `it ends (exp) at ${new Date(exp * 1000).toISOString()}`,
  ];
  const isOver = exp !== undefined && exp * 1000 < Date.now();
  return `${isOver ? 'it is over; ' : ''}${words.join('; ')}`;
}

function payloadOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  } catch {
    return undefined;
  }
}

function quoted(claim: unknown): string {
  return claim === undefined ? 'not there' : JSON.stringify(claim);
}
