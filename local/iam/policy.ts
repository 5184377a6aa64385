/**
 * What a policy allows. Pure; owns the part of the policy language that this service's roles use and refuses the
 * rest by name, so that nothing is allowed here that AWS would not understand.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Resource } from '../template.ts';
import type { Json } from '../variables.ts';

/** What somebody wants to do, as IAM has it: `s3:GetObject` on an ARN. `prefix` is what a list is asked for. */
export interface Access {
  accessKeyId: string;
  action: string;
  resource: string;
  prefix?: string | undefined;
}

/** Tells whether a caller may. */
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

/** A role's own policies, and those that say themselves whose they are. */
export function policiesOf(role: string, resources: Record<string, Resource>): Json[] {
  const attached = Object.values(resources).flatMap(({ Type, Properties: { Roles, ...policy } }) => {
    const isIts = Array.isArray(Roles) && Roles.some((one) => isDeepStrictEqual(one, { Ref: role }));
    return Type === 'AWS::IAM::Policy' && isIts ? [policy] : [];
  });
  const own = resources[role]?.Properties['Policies'];
  return [...(Array.isArray(own) ? own : []), ...attached];
}

/** The statements of a role's inline policies, whose references are resolved. Throws what it does not understand. */
export function readPolicies(policies: Json, place: string): Statement[] {
  const parsed = policiesSchema.safeParse(policies);
  if (!parsed.success)
    throw new Error(`${place} is not what the embedded stack can enforce:\n${z.prettifyError(parsed.error)}`);
  return parsed.data.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
}

/** What lets it: the first statement that does, counted from 0, and its resource; undefined is a denial. */
export function findGrant(
  statements: Statement[],
  { action, resource, prefix }: Omit<Access, 'accessKeyId'>,
): { statement: number; pattern: string } | undefined {
  for (const [statement, { Action, Resource, Condition }] of statements.entries()) {
    const pattern = Action.includes(action) ? Resource.find((one) => isLike(resource, one)) : undefined;
    const prefixes = Condition?.StringLikeIfExists['s3:prefix'];
    // A request without the key meets a condition that only looks at it if it exists.
    const isMet = prefix === undefined || (prefixes?.some((one) => isLike(prefix, one)) ?? true);
    if (pattern !== undefined && isMet) return { statement, pattern };
  }
  return undefined;
}

/** `*` stands for anything. */
function isLike(text: string, pattern: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`))
    .join('.*');
  return new RegExp(`^${source}$`, 's').test(text);
}
