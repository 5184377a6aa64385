/**
 * The targets of the fuzzing, read from serverless.yml: every route, every queue and every schedule with the handler
 * behind it. A new one is fuzzed from its first day.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { readService } from '../../local/template.ts';

export type Target = { name: string; handler: string } & (
  { kind: 'route'; hasAuthorizer: boolean } | { kind: 'queue' } | { kind: 'schedule' }
);

/** Handles an event as Lambda would call it. */
export type Handler = (event: unknown, context: object) => Promise<unknown>;

const ROOT = join(import.meta.dirname, '../..');

const route = z.object({
  httpApi: z.union([
    z.string(),
    z.object({ method: z.string(), path: z.string(), authorizer: z.looseObject({}).optional() }),
  ]),
});
const queue = z.object({ sqs: z.unknown() });

/** Every way into the functions; two queues of one function are one. */
export function findTargets(): Target[] {
  const { functions } = readService({ directory: ROOT, env: {} });
  const targets = Object.entries(functions).flatMap(([key, { handler, events }]) =>
    events.map((event): Target => {
      const { httpApi } = route.safeParse(event).data ?? {};
      if (httpApi === undefined) {
        return queue.safeParse(event).data?.sqs === undefined
          ? { name: `${key} (schedule)`, handler, kind: 'schedule' }
          : { name: `${key} (queue)`, handler, kind: 'queue' };
      }
      if (typeof httpApi === 'string')
        return { name: '$default', handler, kind: 'route', hasAuthorizer: false };
      const { method, path, authorizer } = httpApi;
      return {
        name: `${method.toUpperCase()} ${path}`,
        handler,
        kind: 'route',
        hasAuthorizer: authorizer !== undefined,
      };
    }),
  );
  return [...new Map(targets.map((target) => [target.name, target])).values()];
}

/** The functions behind the targets, by their names in serverless.yml. They read the environment at their first event. */
export async function loadHandlers(targets: Target[]): Promise<Map<string, Handler>> {
  const names = [...new Set(targets.map(({ handler }) => handler))];
  const loaded = names.map(async (name): Promise<[string, Handler]> => {
    const [path = '', member = ''] = name.split('.');
    const module: Record<string, unknown> = await import(join(ROOT, `${path}.ts`));
    const handler = module[member];
    if (typeof handler !== 'function') throw new Error(`${name} is not a function`);
    return [name, async (event, context) => handler(event, context)];
  });
  return new Map(await Promise.all(loaded));
}
