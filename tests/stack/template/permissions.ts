/**
 * The roles of the template against what the functions did: which grants were used, which were not, and which
 * calls had none. A grant is one action on one resource of a statement.
 */
import type { Use } from '../../../local/iam/iam.ts';
import type { Statement } from '../../../local/iam/policy.ts';

export type Grant = {
  functionKey: string;
  action: string;
  resource: string;
  /** How often something different was done with it. */
  uses: number;
};

/** Every grant of a function's statements, with its uses. */
export function grantsOf(functionKey: string, statements: Statement[], uses: Use[]): Grant[] {
  return statements.flatMap(({ Action, Resource }, index) =>
    Action.flatMap((action) =>
      Resource.map((resource) => ({
        functionKey,
        action,
        resource,
        uses: uses.filter(
          (use) =>
            use.functionKey === functionKey &&
            use.statement === index &&
            use.action === action &&
            use.pattern === resource,
        ).length,
      })),
    ),
  );
}

/** The grants for people: one line each. */
export function toTable(grants: (Grant & { covered: string })[]): string {
  const line = (cells: string[]) =>
    cells
      .map((cell, index) => cell.padEnd([9, 34, 16, 0][index] ?? 0))
      .join(' ')
      .trimEnd();
  return [
    line(['function', 'action', 'seen', 'resource']),
    ...grants.map(({ functionKey, action, resource, covered }) =>
      line([functionKey, action, covered, resource]),
    ),
  ].join('\n');
}
