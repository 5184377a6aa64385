/**
 * Runs the service as serverless.yml says: puts its functions behind the gateway, polls its queues, runs its schedules.
 * Owns the order of stopping; does not depend on which program serves S3, SQS or DynamoDB.
 */
import type { SQSClient } from '@aws-sdk/client-sqs';
import { startQueueSource } from './gateway/queue-source.ts';
import { createRunner } from './gateway/runner.ts';
import type { LogLine, RunnerOptions } from './gateway/runner.ts';
import { startSchedule } from './gateway/schedule.ts';
import type { startGateway } from './gateway/server.ts';
import type { References } from './intrinsics.ts';
import { functionsOf } from './template.ts';
import type { Service } from './template.ts';

export interface ApplicationOptions {
  service: Service;
  references: References;
  gateway: Pick<Awaited<ReturnType<typeof startGateway>>, 'serve'>;
  sqs: SQSClient;
  handlers: RunnerOptions['handlers'];
  ownEnvironment: NonNullable<RunnerOptions['ownEnvironment']>;
  /** The variables that Lambda itself puts into the environment. */
  environment: Record<string, string>;
  cacheDirectory: string;
  log: (line: LogLine) => void;
}

/** Starts everything that calls a function; `stop` kills the functions that are running. */
export function startApplication(options: ApplicationOptions) {
  const { service, log } = options;
  const { region, httpApi } = service.provider;
  const functions = functionsOf(service, options.references);
  const runner = createRunner({ ...options, functions, region });

  const schedules = functions.flatMap(({ key, name, schedules: rules }) =>
    rules.map(({ rate }, index) => {
      const invoke = (event: object): Promise<string> => runner.invoke(key, event);
      return startSchedule({ name: `${name}-${index + 1}`, rate, region, invoke });
    }),
  );
  const sources = functions.flatMap(({ key, queues }) =>
    queues.map((mapping) =>
      startQueueSource({
        client: options.sqs,
        mapping,
        region,
        invoke: (event) => runner.invoke(key, event),
        onError: (line) => log({ functionKey: key, stream: 'stderr', line }),
      }),
    ),
  );
  options.gateway.serve({
    routes: functions.flatMap(({ key, http }) => http.map((event) => ({ ...event, functionKey: key }))),
    authorizers: httpApi.authorizers,
    cors: httpApi.cors,
    invoke: (functionKey, event) => runner.invoke(functionKey, event),
  });

  return {
    warm: () => runner.warm(),
    deploy: (handlers: RunnerOptions['handlers']) => runner.deploy(handlers),

    /** Runs every scheduled function now and settles when all have ended. */
    async fireSchedules(): Promise<void> {
      await Promise.all(schedules.map((schedule) => schedule.fire()));
    },

    async stop(): Promise<void> {
      for (const schedule of schedules) schedule.stop();
      await Promise.all([...sources.map((source) => source.stop()), runner.close()]);
    },
  };
}
