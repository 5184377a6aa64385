/**
 * What a policy allows. Pure; owns the part of the policy language that this service's roles use and refuses the rest
 * by name, so that it allows nothing that AWS would deny.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Resource } from '../template.ts';
import type { Json } from '../variables.ts';

/** A request in IAM's terms: `s3:GetObject` on an ARN. `prefix` is the one that a list request names. */
export interface Access {
  accessKeyId: string;
  action: string;
  resource: string;
  prefix?: string | undefined;
}

/** Whether the caller may make this request. */
export type Allows = (access: Access) => boolean;

export type Statement = z.infer<typeof statementSchema>;

const listSchema = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

const statementSchema = z.strictObject({
  Effect: z.literal('Allow'),
  Action: listSchema,
  Resource: listSchema,
  Condition: z.strictObject({ StringLikeIfExists: z.strictObject({ 's3:prefix': listSchema }) }).optional(),
});
const policiesSchema = z.array(
  z.strictObject({
    PolicyName: z.string(),
    PolicyDocument: z.strictObject({ Version: z.literal('2012-10-17'), Statement: z.array(statementSchema) }),
  }),
);

/** The policies within a role, and the separate policies that name it. */
export function policiesOf(role: string, resources: Record<string, Resource>): Json[] {
  const attached = Object.values(resources).flatMap(({ Type, Properties: { Roles, ...policy } }) => {
    const isIts = Array.isArray(Roles) && Roles.some((one) => isDeepStrictEqual(one, { Ref: role }));
    return Type === 'AWS::IAM::Policy' && isIts ? [policy] : [];
  });
  const own = resources[role]?.Properties['Policies'];
  return [...(Array.isArray(own) ? own : []), ...attached];
}

/** The statements of a role's policies, whose references are resolved. Throws when it cannot enforce one. */
export function readPolicies(policies: Json, place: string): Statement[] {
  const parsed = policiesSchema.safeParse(policies);
  if (!parsed.success)
    throw new Error(`${place} is not what the embedded stack can enforce:\n${z.prettifyError(parsed.error)}`);
  return parsed.data.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
}

/** The first statement that allows the request, counted from 0, and its resource; undefined is a denial. */
export function findGrant(
  statements: Statement[],
  { action, resource, prefix }: Omit<Access, 'accessKeyId'>,
): { statement: number; pattern: string } | undefined {
  for (const [statement, { Action, Resource, Condition }] of statements.entries()) {
    const pattern = Action.includes(action) ? Resource.find((one) => isLike(resource, one)) : undefined;
    const prefixes = Condition?.StringLikeIfExists['s3:prefix'];
    // StringLikeIfExists is met by a request without the key.
    const isMet = prefix === undefined || (prefixes?.some((one) => isLike(prefix, one)) ?? true);
    if (pattern !== undefined && isMet) return { statement, pattern };
  }
  return undefined;
}

/** `*` stands for any text. */
function isLike(text: string, pattern: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join('.*');
  return new RegExp(`^${source}$`, 's').test(text);
}
