import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { createRunner } from '../../../local/gateway/runner.ts';
import { eventually, isRunning } from '../../support/eventually.ts';
import { PROBE_DIRECTORY, createLogCollector } from '../../support/probe-stack.ts';

const definition = {
  key: 'echo',
  name: 'probe-dev-echo',
  handler: 'functions/echo.handler',
  timeout: 300,
  memorySize: 256,
  environment: { FROM_TEMPLATE: 'yes' },
};

let logs = createLogCollector();
let runner: ReturnType<typeof createRunner>;

function start(changes: Partial<typeof definition> = {}): void {
  logs = createLogCollector();
  runner = createRunner({
    functions: [{ ...definition, ...changes }],
    handlers: { directory: PROBE_DIRECTORY, extension: '.ts' },
    region: 'eu-central-1',
    environment: { AWS_REGION: 'eu-central-1' },
    log: logs.log,
  });
}

afterEach(() => runner.close());

async function ask(wish: string): Promise<unknown> {
  return JSON.parse(await runner.invoke('echo', { queryStringParameters: { do: wish } }));
}

const pidSchema = z.object({ pid: z.number() });
const askPid = async (): Promise<number> => pidSchema.parse(await ask('pid')).pid;

describe('createRunner', () => {
  it('gives the answer of the handler', async () => {
    start();

    expect(JSON.parse(await runner.invoke('echo', { a: [1, 'é'] }))).toEqual({ a: [1, 'é'] });
  });

  it('uses a warm child again and more children for more events at once', async () => {
    start();

    const first = await askPid();
    expect(await askPid()).toBe(first);
    const [one, other] = await Promise.all([askPid(), askPid()]);
    expect(one).not.toBe(other);
  });

  it('lets events wait rather than start more than ten children', async () => {
    start();

    const pids = await Promise.all(Array.from({ length: 25 }, askPid));

    expect(pids).toHaveLength(25);
    expect(new Set(pids).size).toBeLessThanOrEqual(10);
  });

  it('gives the child the environment of a Lambda and no other variable of this process', async () => {
    process.env['SECRET_OF_THE_HOST'] = 'x';
    start();

    const environment = await ask('environment');

    expect(environment).toMatchObject({ FROM_TEMPLATE: 'yes', AWS_REGION: 'eu-central-1' });
    expect(environment).not.toHaveProperty('SECRET_OF_THE_HOST');
    expect(environment).not.toHaveProperty('AWS_LAMBDA_FUNCTION_NAME');
    delete process.env['SECRET_OF_THE_HOST'];
  });

  it('gives the handler a context with the time that remains', async () => {
    start();

    const context = z.looseObject({ remaining: z.number() }).parse(await ask('context'));

    expect(context).toMatchObject({
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      functionName: 'probe-dev-echo',
      memoryLimitInMB: '256',
      invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:probe-dev-echo',
    });
    expect(context.remaining).toBeGreaterThan(0);
    expect(context.remaining).toBeLessThanOrEqual(300_000);
  });

  it('fails the event when the handler throws, and keeps the child', async () => {
    start();
    const pid = await askPid();

    await expect(ask('throw')).rejects.toThrow('asked to throw');

    expect(await askPid()).toBe(pid);
  });

  it.each(['hang', 'spin'])('kills a handler that runs longer than its timeout (%s)', async (wish) => {
    start({ handler: 'functions/stuck.handler', timeout: 0.5 });
    const pids = () =>
      logs.lines.flatMap(({ line }) => (line.startsWith('pid ') ? [Number(line.slice(4))] : []));

    for (const count of [1, 2]) {
      await expect(ask(wish)).rejects.toThrow('Task timed out after 0.50 seconds');
      await eventually(() => pids().length === count);
    }

    const [pid, other] = pids();
    expect(other).not.toBe(pid);
    await eventually(() => !pids().some(isRunning));
  });

  it('fails the event of a child that crashes, and the next gets a new one', async () => {
    start();
    const pid = await askPid();

    await expect(ask('crash')).rejects.toThrow('Runtime exited with error: exit status 3');

    expect(await askPid()).not.toBe(pid);
  });

  it('tells the log why an event failed', async () => {
    start();
    await expect(ask('crash')).rejects.toThrow('Runtime exited');

    const line = await logs.waitFor(({ line: text }) => text.includes('exit status 3'));
    expect(line).toMatchObject({ functionKey: 'echo', stream: 'stderr' });
  });

  it.each([
    ['functions/nothing.handler', 'Cannot find module'],
    ['functions/echo.nothing', 'exports no function "nothing"'],
  ])('fails the event when %s cannot be loaded', async (handler, reason) => {
    start({ handler });

    await expect(ask('pid')).rejects.toThrow(reason);
  });

  it('warms one child that the first event then uses', async () => {
    start();
    await runner.warm();
    const [one, other] = await Promise.all([askPid(), askPid()]);

    await runner.warm();

    expect(new Set([one, other, await askPid()]).size).toBe(2);
  });

  it('leaves no child behind when it is closed, not even a running one', async () => {
    start();
    const idle = await askPid();
    const running = Promise.allSettled([ask('spin')]);
    await logs.waitFor(({ line }) => line === 'spinning');

    await runner.close();

    expect(await running).toMatchObject([{ reason: new Error('Runtime exited with error: signal SIGKILL') }]);
    expect(isRunning(idle)).toBe(false);
    await expect(askPid()).rejects.toThrow('stopping');
  });

  it('knows only the functions it was given', async () => {
    start();

    await expect(runner.invoke('other', {})).rejects.toThrow('There is no function "other"');
  });
});
