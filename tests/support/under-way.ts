/** Services of a world that tell which of their changes are still under way. No call ends at once. */
import type { Send } from '../../lib/ipd/wire.ts';
import type { World } from './world.ts';

type Client = { send: (...given: never[]) => unknown };

/** A call that changes nothing. */
const A_READ = /^(?:Get|Head|List|Query|GET|POST \/v3\/auth)/;

export function useUnderWay(world: World) {
  return function watched(settings: Parameters<World['build']>[0] = {}) {
    const calls: string[] = [];

    async function during<T>(name: string, work: () => Promise<T>): Promise<T> {
      calls.push(name);
      await new Promise(setImmediate);
      try {
        return await work();
      } finally {
        calls.splice(calls.indexOf(name), 1);
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
      /** The changes that are under way when this work has ended, well or badly. */
      leftBy: async (work: Promise<unknown>): Promise<string[]> => {
        await work.catch(() => undefined);
        return calls.filter((name) => !A_READ.test(name));
      },
    };
  };
}
