/**
 * Services of a world that tell which of their changes are not awaited: those that are under way when the next one begins,
 * or when the function has ended. A change waits until nothing else goes on.
 */
import type { Send } from '../../lib/ipd/wire.ts';
import type { World } from './world.ts';

type Client = { send: (...given: never[]) => unknown };

/** A call that changes nothing. */
const A_READ = /^(?:Get|Head|List|Query|GET|POST \/v3\/auth)/;

/** What goes on side by side by design: the fence is passed during a request, and a file goes while its end is announced. */
const SIDE_BY_SIDE = /^POST .* before PutCommand$|^DeleteObjectCommand before PublishCommand$/;

/** Rounds of the event loop in which nothing begins or ends: then nothing goes on but what is under way. */
const QUIET_ROUNDS = 10;

export function useUnderWay(world: World) {
  return function watched(settings: Parameters<World['build']>[0] = {}) {
    const calls: string[] = [];
    const overtaken = new Set<string>();
    let begunOrEnded = 0;

    const changes = () => calls.filter((name) => !A_READ.test(name));

    async function during<T>(name: string, work: () => Promise<T>): Promise<T> {
      if (!A_READ.test(name)) for (const before of changes()) overtaken.add(`${before} before ${name}`);
      calls.push(name);
      begunOrEnded += 1;
      await (A_READ.test(name) ? new Promise(setImmediate) : untilQuiet());
      try {
        return await work();
      } finally {
        calls.splice(calls.indexOf(name), 1);
        begunOrEnded += 1;
      }
    }

    async function untilQuiet(): Promise<void> {
      let seen = begunOrEnded;
      for (let quiet = 0; quiet < QUIET_ROUNDS; quiet += 1) {
        await new Promise(setImmediate);
        if (seen === begunOrEnded) continue;
        seen = begunOrEnded;
        quiet = 0;
      }
    }

    function slow<C extends Client>(client: C): C {
      const send = (command: object, ...more: unknown[]) =>
        during(command.constructor.name, async () => Reflect.apply(client.send, client, [command, ...more]));
      return Object.create(client, { send: { value: send } });
    }

    const send: Send = (request) =>
      during(`${request.method} ${request.url.pathname}`, () => world.send(request));
    const services = world.build({
      documents: slow(world.connectTable().documents),
      s3: slow(world.connectStorage()),
      sqs: slow(world.connectQueues()),
      sns: slow(world.connectTopic()),
      send,
      ...settings,
    });
    return {
      services,
      /** The changes that were not awaited, once this work has ended, well or badly. */
      leftBy: async (work: Promise<unknown>): Promise<string[]> => {
        await work.catch(() => undefined);
        return [...[...overtaken].filter((pair) => !SIDE_BY_SIDE.test(pair)), ...changes()];
      },
    };
  };
}
