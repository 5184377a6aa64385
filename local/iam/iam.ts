/**
 * IAM for the embedded stack: each function calls with an access key of its own and may do what its role in the
 * template allows, so that a missing permission fails here and not first on AWS. Other keys are the account's own
 * and may do everything. Records what the functions did, so that tests can compare it with the roles.
 */
import { resolveIntrinsics } from '../intrinsics.ts';
import type { References } from '../intrinsics.ts';
import { makeAwsKey } from '../keys.ts';
import type { AwsKey } from '../keys.ts';
import type { FunctionDefinition, Resource } from '../template.ts';
import { findGrant, policiesOf, readPolicies } from './policy.ts';
import type { Access, Statement } from './policy.ts';

/** One action of a function, with the statement and resource of its role that allow it; without them, it was denied. */
export interface Use {
  functionKey: string;
  action: string;
  resource: string;
  /** Counts from 0, over all of the role's policies. */
  statement?: number;
  pattern?: string;
}

export type Iam = ReturnType<typeof createIam>;

/** Makes the functions' keys at once; `enforce` then sets their permissions. */
export function createIam(functionKeys: string[]) {
  const keys = new Map(functionKeys.map((functionKey) => [functionKey, makeAwsKey(`local-${functionKey}`)]));
  const functionsByKey = new Map(
    Array.from(keys, ([functionKey, { accessKeyId }]) => [accessKeyId, functionKey]),
  );
  const statements = new Map<string, Statement[]>();
  const uses = new Map<string, Use>();

  return {
    credentials: [...keys.values()],

    /** A function's own key. Throws when there is no such function. */
    keyOf,

    /** The credentials that Lambda puts into a function's environment. */
    environmentOf: (functionKey: string): Record<string, string> => {
      const { accessKeyId, secretAccessKey } = keyOf(functionKey);
      return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    },

    /** From here on a function with a role may do only what its role allows. */
    enforce({
      functions,
      resources,
      references,
    }: {
      functions: Pick<FunctionDefinition, 'key' | 'role'>[];
      resources: Record<string, Resource>;
      references: References;
    }): void {
      for (const { key, role } of functions) {
        if (role === undefined) continue;
        const place = `resources.${role}`;
        const policies = policiesOf(role, resources);
        statements.set(key, readPolicies(resolveIntrinsics(policies, references, place), place));
      }
    },

    /** Whether a caller is allowed; a caller without a role may do everything. */
    allows: ({ accessKeyId, ...access }: Access): boolean => {
      const functionKey = functionsByKey.get(accessKeyId);
      const own = functionKey === undefined ? undefined : statements.get(functionKey);
      if (functionKey === undefined || own === undefined) return true;
      const grant = findGrant(own, access);
      const { action, resource } = access;
      uses.set([functionKey, action, resource].join(' '), { functionKey, action, resource, ...grant });
      return grant !== undefined;
    },

    /** Everything that any function has asked for so far, once each. */
    uses: (): Use[] => [...uses.values()],

    statementsOf: (functionKey: string): Statement[] => statements.get(functionKey) ?? [],
  };

  function keyOf(functionKey: string): AwsKey {
    const key = keys.get(functionKey);
    if (key === undefined) throw new Error(`There is no function "${functionKey}"`);
    return key;
  }
}
