/**
 * An SDK client whose commands an end in memory carries out. Like the SDK, it passes each command through the
 * middlewares of its first step, by which a test looks at a command, changes it, or keeps it back.
 */
export type SendOptions = { abortSignal?: AbortSignal };

/** Carries out one command; throws what the SDK throws. */
export type CarryOut = (command: { input: object }, options: SendOptions) => object | Promise<object>;

type Command = { input: object };
type Handler = (args: Command) => Promise<{ output: object; response: unknown }>;
type Middleware = (next: Handler, context: { commandName: string }) => Handler;

/** The document client sends its commands under the names of DynamoDB's own. */
const NAMES: Record<string, string> = {
  GetCommand: 'GetItemCommand',
  PutCommand: 'PutItemCommand',
  UpdateCommand: 'UpdateItemCommand',
  DeleteCommand: 'DeleteItemCommand',
};

/** A client of this class without its connection. */
export function standIn<T extends object>(prototype: T, carryOut: CarryOut): T {
  const middlewares: Middleware[] = [];

  function add(middleware: Middleware, { step }: { step?: string } = {}): void {
    if (step !== 'initialize') throw new TypeError(`a client in memory has no step ${String(step)}`);
    middlewares.push(middleware);
  }

  async function send(command: Command, options: SendOptions = {}): Promise<object> {
    if (options.abortSignal?.aborted === true) {
      throw Object.assign(new Error('Request aborted'), { name: 'AbortError' });
    }
    const { name } = command.constructor;
    const context = { commandName: NAMES[name] ?? name };
    const handler = middlewares.reduceRight<Handler>(
      (next, middleware) => middleware(next, context),
      async ({ input }) => {
        // A middleware may hand on another input.
        Object.assign(command, { input });
        return { output: await carryOut(command, options), response: undefined };
      },
    );
    const { output } = await handler({ input: command.input });
    return output;
  }

  return Object.create(prototype, {
    send: { value: send },
    middlewareStack: { value: { add } },
    destroy: { value: () => undefined },
  });
}
