/**
 * What PUBLIC_ROUTES=off leaves out: every route without an authorizer, and the functions that are nothing without them,
 * with their roles. The one route with an authorizer of stock Uppy only gives out tickets for the others. A deploy and
 * the embedded stack apply the same. Pure.
 */

type FunctionWithEvents = { events?: readonly unknown[] | undefined };
type ResourceWithProperties = { Properties?: Record<string, unknown> | undefined };

/** The names in serverless.yml and in resources/roles.yml: stock Uppy, and the files that links lead to. */
const PUBLIC_FUNCTIONS = new Set(['uppy', 'files']);
const PUBLIC_ROLES = new Set<unknown>(['UppyRole', 'FilesRole']);

/** The functions without what answers requests that carry no token. */
export function withoutPublicRoutes<F extends FunctionWithEvents>(
  functions: Record<string, F>,
): Record<string, F> {
  const kept = Object.entries(functions).filter(([key]) => !PUBLIC_FUNCTIONS.has(key));
  return Object.fromEntries(
    kept.map(([key, definition]) => {
      const events = definition.events?.filter((event) => !isPublic(event));
      return [key, { ...definition, events }];
    }),
  );
}

/** The resources without these roles, also where a policy names one beside others. */
export function withoutPublicRoles<R extends ResourceWithProperties>(
  resources: Record<string, R>,
): Record<string, R> {
  const kept = Object.entries(resources).filter(([id]) => !PUBLIC_ROLES.has(id));
  return Object.fromEntries(
    kept.map(([id, resource]) => {
      const { Properties } = resource;
      if (!Array.isArray(Properties?.['Roles'])) return [id, resource];
      const Roles = Properties['Roles'].filter(
        (role) => !hasMember(role, 'Ref') || !PUBLIC_ROLES.has(role.Ref),
      );
      return [id, { ...resource, Properties: { ...Properties, Roles } }];
    }),
  );
}

/** True for a route whose requests reach the function unchecked. */
function isPublic(event: unknown): boolean {
  if (!hasMember(event, 'httpApi')) return false;
  return !hasMember(event.httpApi, 'authorizer');
}

function hasMember<K extends string>(value: unknown, name: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && name in value;
}
