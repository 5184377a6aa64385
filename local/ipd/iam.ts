/**
 * IAM's token call and the tokens that it has issued. It never sees a signature: `authority.ts` checks those.
 * https://support.huaweicloud.com/api-iam/iam_30_0001.html
 */
import { z } from 'zod';
import { parseJson } from './json.ts';
import { iamRefusal } from './replies.ts';
import type { Reply } from './types.ts';

export type Credentials = {
  accessKey: string;
  secretKey: string;
  /** Set: the key is a temporary one, and every signed request must carry this token. */
  securityToken?: string;
  domain: string;
  username: string;
  password: string;
};

/** Only what CodeArts services accept: a token with the scope of a project. */
const tokenRequestSchema = z.object({
  auth: z.object({
    identity: z.object({
      methods: z
        .array(z.string())
        .refine((methods) => methods.includes('password'), 'the method must be password'),
      password: z.object({
        user: z.object({ name: z.string(), password: z.string(), domain: z.object({ name: z.string() }) }),
      }),
    }),
    scope: z.object({
      project: z.union([
        z.object({ name: z.string().min(1), id: z.string().optional() }),
        z.object({ id: z.string().min(1), name: z.string().optional() }),
      ]),
    }),
  }),
});

/** Issues tokens for one user and knows which of them are valid. */
export function createIam(options: { credentials: Credentials; clock: () => number; random: () => number }) {
  const { credentials, clock, random } = options;
  const expiryOf = new Map<string, number>();

  function issue(request: { body: string; query: URLSearchParams; lifeSeconds: number }): Reply {
    const parsed = tokenRequestSchema.safeParse(parseJson(request.body));
    if (!parsed.success) return iamRefusal(400, 'Bad Request', z.prettifyError(parsed.error));
    const { identity, scope } = parsed.data.auth;
    const { name, password, domain } = identity.password.user;
    const isCorrect =
      name === credentials.username &&
      password === credentials.password &&
      domain.name === credentials.domain;
    if (!isCorrect) return iamRefusal(401, 'Unauthorized', 'The username or password is wrong.');

    const now = clock();
    const expiresAt = now + request.lifeSeconds * 1000;
    const token = randomText(random, 64);
    expiryOf.set(token, expiresAt);
    const catalog = request.query.get('nocatalog') ? {} : { catalog: [] };
    const owner = { name: domain.name, id: 'd'.repeat(32) };
    const project = {
      id: scope.project.id ?? 'p'.repeat(32),
      name: scope.project.name ?? 'region',
      domain: owner,
    };
    const user = { name, id: 'u'.repeat(32), domain: owner, password_expires_at: '' };
    return {
      status: 201,
      headers: { 'x-subject-token': token },
      json: {
        token: {
          expires_at: iamTime(expiresAt),
          issued_at: iamTime(now),
          methods: ['password'],
          project,
          user,
          roles: [],
          ...catalog,
        },
      },
    };
  }

  return {
    issue,
    isAlive: (token: string) => (expiryOf.get(token) ?? 0) > clock(),
    killTokens: () => expiryOf.clear(),
  };
}

/** IAM writes times with a fraction of six zeros. */
function iamTime(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, '.000000Z');
}

function randomText(random: () => number, length: number): string {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256))).toString('base64url');
}
