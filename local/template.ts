/**
 * Reads serverless.yml as the deploy does and returns the parts that the embedded stack needs: functions with their
 * events, authorizers, CORS rules and resources. So the same functions run locally and on AWS.
 * Never creates anything and never reads the environment by itself.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { withoutPublicRoles, withoutPublicRoutes } from '../deploy/routes.ts';
import { applyConditions } from './conditions.ts';
import { parseTemplateYaml, resolveIntrinsics } from './intrinsics.ts';
import type { References } from './intrinsics.ts';
import { resolveVariables } from './variables.ts';
import type { Json } from './variables.ts';

export type Service = z.infer<typeof serviceSchema>;
export type Resource = z.infer<typeof resourceSchema>;
export type Authorizer = z.infer<typeof authorizerSchema>;
export type Cors = z.infer<typeof corsSchema>;

export interface HttpEvent {
  /** API Gateway's name of the route: `GET /v1/uploads/{id}` or `$default`. */
  routeKey: string;
  authorizer?: string;
}

export type QueueEvent = z.infer<typeof queueSchema>;
export type ScheduleEvent = z.infer<typeof scheduleSchema>;

export interface FunctionDefinition {
  /** The key in serverless.yml. */
  key: string;
  /** The name on AWS. */
  name: string;
  handler: string;
  /** The logical id of its role. */
  role?: string;
  /** Seconds. */
  timeout: number;
  memorySize: number;
  environment: Record<string, string>;
  http: HttpEvent[];
  queues: QueueEvent[];
  schedules: ScheduleEvent[];
}

/** The defaults of serverless itself. */
const DEFAULT_TIMEOUT_SECONDS = 6;
const DEFAULT_MEMORY_MB = 1024;

/** serverless accepts one part of the template, or a list of them. */
const listOf = <S extends z.ZodType>(part: S) =>
  z.union([part.transform((one) => [one]), z.array(part)]).default([]);

const jsonSchema = z.json();
const variablesSchema = z.record(z.string(), jsonSchema).default({});
const environmentSchema = z.record(z.string(), z.union([z.string(), z.number().transform(String)]));
const resourceSchema = z.looseObject({
  Type: z.string(),
  Properties: z.record(z.string(), jsonSchema).default({}),
});

const parameterSchema = z.looseObject({ Default: jsonSchema.optional() });

const authorizerSchema = z.strictObject({
  type: z.literal('jwt'),
  identitySource: z.templateLiteral(['$request.header.', z.string()]),
  issuerUrl: z.url(),
  audience: z.array(z.string()).min(1),
});

const corsSchema = z.strictObject({
  // One setting holds them all; deploy/plugin.ts divides it on the way to AWS.
  allowedOrigins: z.array(z.string()).transform((texts) => texts.flatMap((text) => text.split(','))),
  allowedHeaders: z.array(z.string()).default([]),
  allowedMethods: z.array(z.string()).optional(),
  allowCredentials: z.boolean().default(false),
  exposedResponseHeaders: z.array(z.string()).default([]),
  maxAge: z.number().optional(),
});

const httpSchema = z.union([
  z.string(),
  z.strictObject({
    method: z.string(),
    path: z.string(),
    authorizer: z.strictObject({ name: z.string() }).optional(),
  }),
]);

const queueSchema = z.strictObject({
  arn: z.string(),
  batchSize: z.int().min(1).max(10).default(10),
  // A setting is text; serverless converts it into a number, too.
  maximumConcurrency: z.coerce.number().int().min(2).max(1000).default(5),
  functionResponseType: z.literal('ReportBatchItemFailures').optional(),
});

const scheduleSchema = z.strictObject({ rate: z.string() });

const eventSchema = z.union([
  z.strictObject({ httpApi: httpSchema }),
  z.strictObject({ sqs: queueSchema }),
  z.strictObject({ schedule: scheduleSchema }),
]);

const functionSchema = z.looseObject({
  handler: z.string(),
  role: z.strictObject({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) }).optional(),
  timeout: z.number().optional(),
  memorySize: z.number().optional(),
  environment: variablesSchema,
  events: z.array(jsonSchema).default([]),
});

/** Parameters by stage; `default` applies where a stage has none. */
const paramsSchema = z.looseObject({ params: z.record(z.string(), variablesSchema).default({}) });

const serviceSchema = z.looseObject({
  service: z.string(),
  provider: z.looseObject({
    stage: z.string().default('dev'),
    region: z.string().default('us-east-1'),
    timeout: z.number().default(DEFAULT_TIMEOUT_SECONDS),
    memorySize: z.number().default(DEFAULT_MEMORY_MB),
    environment: variablesSchema,
    httpApi: z
      .looseObject({
        cors: corsSchema.optional(),
        authorizers: z.record(z.string(), authorizerSchema).default({}),
      })
      .default({ authorizers: {} }),
  }),
  custom: z.looseObject({ publicRoutes: z.string().optional() }).optional(),
  functions: z.record(z.string(), functionSchema).default({}),
  resources: listOf(
    z.looseObject({
      Parameters: z.record(z.string(), parameterSchema).optional(),
      Resources: z.record(z.string(), resourceSchema).optional(),
    }),
  ),
});

const conditionsSchema = z.looseObject({
  resources: listOf(
    z.looseObject({
      Parameters: z.record(z.string(), parameterSchema).optional(),
      Conditions: variablesSchema,
    }),
  ),
});

/** Reads and resolves the service file; throws an error that names the place of an unknown part. */
export function readService(options: {
  directory: string;
  env: Record<string, string | undefined>;
  stage?: string;
}): Service {
  const read = (path: string): Json => {
    try {
      return parseTemplateYaml(readFileSync(join(options.directory, path), 'utf8'));
    } catch (cause) {
      throw new Error(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  };
  const stage = options.stage ?? 'dev';
  const source = read('serverless.yml');
  const { params } = parse(paramsSchema, source, 'serverless.yml');
  const document = resolveVariables(source, {
    env: options.env,
    options: { stage },
    parameters: { ...params['default'], ...params[stage] },
    readFile: read,
  });
  const { resources } = parse(conditionsSchema, document, 'serverless.yml');
  const service = parse(serviceSchema, applyConditions(document, resources), 'serverless.yml');
  if (service.custom?.publicRoutes !== 'off') return service;
  return {
    ...service,
    functions: withoutPublicRoutes(service.functions),
    resources: service.resources.map((part) => ({
      ...part,
      Resources: withoutPublicRoles(part.Resources ?? {}),
    })),
  };
}

/** All resources of the service by their logical id. */
export function resourcesOf(service: Service): Record<string, Resource> {
  return Object.assign({}, ...service.resources.map((part) => part.Resources ?? {}));
}

/** The values of `!Ref` for parameters: those of their defaults, which are texts. */
export function parametersOf(service: Service): References {
  const parameters = service.resources.flatMap((part) => Object.entries(part.Parameters ?? {}));
  return Object.fromEntries(
    parameters.flatMap(([name, { Default: ref }]) =>
      typeof ref === 'string' ? [[name, { ref, attributes: {} }]] : [],
    ),
  );
}

/** The functions with environment and events resolved against the resources that exist. */
export function functionsOf(service: Service, references: References): FunctionDefinition[] {
  const { provider } = service;
  return Object.entries(service.functions).map(([key, definition]) => {
    const place = `functions.${key}`;
    const variables = { ...provider.environment, ...definition.environment };
    const environment = resolveIntrinsics(variables, references, `${place}.environment`);
    const events = definition.events.map((event, index) => {
      const at = `${place}.events[${index}]`;
      return parse(eventSchema, resolveIntrinsics(event, references, at), at);
    });
    return {
      key,
      name: `${service.service}-${provider.stage}-${key}`,
      handler: definition.handler,
      ...(definition.role === undefined ? {} : { role: definition.role['Fn::GetAtt'][0] }),
      timeout: definition.timeout ?? provider.timeout,
      memorySize: definition.memorySize ?? provider.memorySize,
      environment: parse(environmentSchema, environment, `${place}.environment`),
      http: events.flatMap((event) =>
        'httpApi' in event ? [readHttpEvent(event.httpApi, service, place)] : [],
      ),
      queues: events.flatMap((event) => ('sqs' in event ? [event.sqs] : [])),
      schedules: events.flatMap((event) => ('schedule' in event ? [event.schedule] : [])),
    };
  });
}

/** Expands short forms as serverless does: `*` is `$default`, method `*` is `ANY`. */
function readHttpEvent(event: z.infer<typeof httpSchema>, service: Service, place: string): HttpEvent {
  if (typeof event === 'string')
    return { routeKey: event === '*' ? '$default' : toRouteKey(...splitRoute(event)) };
  const name = event.authorizer?.name;
  if (name !== undefined && service.provider.httpApi.authorizers[name] === undefined) {
    throw new Error(`${place}: the authorizer "${name}" is not defined in provider.httpApi.authorizers`);
  }
  return {
    routeKey: toRouteKey(event.method, event.path),
    ...(name === undefined ? {} : { authorizer: name }),
  };
}

function splitRoute(route: string): [method: string, path: string] {
  const [method = '', path = ''] = route.split(' ');
  return [method, path];
}

function toRouteKey(method: string, path: string): string {
  if (path === '*') return '$default';
  return `${method === '*' ? 'ANY' : method.toUpperCase()} ${path}`;
}

function parse<T>(schema: z.ZodType<T>, value: unknown, place: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(`${place} is not what the embedded stack can run:\n${z.prettifyError(result.error)}`);
}
