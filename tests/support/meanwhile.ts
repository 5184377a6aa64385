/**
 * Services to whom something happens in the midst of a call, as when another caller is faster: directly before the
 * first command of a kind reaches storage, or directly after its answer.
 */
import type { World } from './world.ts';

/** The class of a command. */
type Command = { name: string };

/** Builds such services of a test file's world. */
export function useMeanwhile(world: World) {
  return function servicesWhere(
    moment: { before: Command } | { after: Command },
    happens: () => Promise<unknown>,
  ) {
    const s3 = world.connectStorage();
    const { name } = 'before' in moment ? moment.before : moment.after;
    let isFirst = true;
    s3.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (!isFirst || commandName !== name) return next(args);
          isFirst = false;
          if ('before' in moment) await happens();
          const answer = await next(args);
          if ('after' in moment) await happens();
          return answer;
        },
      { step: 'initialize', name: 'meanwhile' },
    );
    return world.build({ s3 });
  };
}
