/**
 * openapi.yaml as tests compare answers with it: status, media type, headers, body and problem code. Requests are not
 * checked, since tests send wrong ones on purpose.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import formats from 'ajv-formats';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { createRouter } from '../../local/gateway/routes.ts';
import { parsedYaml } from './parsed-yaml.ts';

export type Answer = {
  /** Method and path, or a route as API Gateway names it. */
  request: string;
  status: number;
  headers: Iterable<[name: string, value: unknown]>;
  body: string;
};

type Json = z.infer<ReturnType<typeof z.json>>;
type Media = z.infer<typeof media>;
type Response = z.infer<typeof response>;

const PROBLEM = 'application/problem+json';
const PAGE = 'text/html';
const SCHEMAS = '#/components/schemas/';

/** The document as it is written. */
export const source = readFileSync(join(import.meta.dirname, '../../openapi.yaml'), 'utf8');

// Schemas are compiled one by one, so each names the document in which its references lead somewhere.
const document = z
  .record(z.string(), z.json())
  .parse(parsedYaml(source.replaceAll(SCHEMAS, 'openapi.yaml#/$defs/')));

const schema = z.record(z.string(), z.json());
const example = z.object({ value: z.json() });
const media = z.object({ schema, examples: z.record(z.string(), followed(example)).default({}) });
const content = z.record(z.string(), media).default({});
const header = z.object({
  required: z.boolean().default(false),
  'x-required-with': z.string().optional(),
  schema,
});
const response = z.object({ headers: z.record(z.string(), followed(header)).default({}), content });
const operation = z.object({
  operationId: z.string(),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
  requestBody: z.object({ content }).optional(),
  responses: z.record(z.string(), followed(response)),
});
const methods = z
  .object({ get: operation.optional(), post: operation.optional(), delete: operation.optional() })
  .transform((described) =>
    Object.entries(described).flatMap(([method, about]) => (about ? [{ method, ...about }] : [])),
  );
const api = z.object({
  security: z.array(z.record(z.string(), z.array(z.string()))),
  paths: z.record(z.string(), methods),
  webhooks: z.record(z.string(), methods),
  components: z.object({
    schemas: z.record(z.string(), schema),
    examples: z.record(z.string(), example),
    responses: z.record(z.string(), response),
  }),
});

export const contract = api.parse(document);
/** Every operation under the key of its route, as API Gateway names it. */
export const operations = Object.entries(contract.paths).flatMap(([path, described]) =>
  described.map((about) => ({ routeKey: `${about.method.toUpperCase()} ${path}`, ...about })),
);

const findRoute = createRouter(operations);
const unknownRoute = { 404: contract.components.responses['NotFound'] };
const problem = z.object({ code: z.string(), status: z.int() });

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
formats.default(ajv);
ajv.addVocabulary(['x-open', 'discriminator', 'example']);
ajv.addSchema({ $id: 'openapi.yaml', $defs: contract.components.schemas });

/** What is wrong with a value, each with its place; nothing when it is as described. */
export function faultsOf(value: unknown, described: Record<string, Json>): string[] {
  const validate = ajv.compile(described);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`,
  );
}

/** Throws when a client that knows only openapi.yaml would not expect this answer. */
export function expectContract(answer: Answer): void {
  const faults = compare(answer);
  if (faults.length === 0) return;
  const { request, status, body } = answer;
  throw new Error(
    [`${request} answered ${status}, and openapi.yaml says otherwise:`, ...faults, body].join('\n  '),
  );
}

function compare({ request, status, headers, body }: Answer): string[] {
  const [method = '', path = ''] = (request.split('?')[0] ?? '').split(' ');
  const responses: Record<string, Response | undefined> =
    findRoute({ method, path })?.route.responses ?? unknownRoute;
  const described = responses[status];
  if (described === undefined) return [`the status is not among ${Object.keys(responses).join(', ')}`];

  const sent = new Map([...headers].map(([name, value]) => [name.toLowerCase(), String(value)]));
  const type = sent.get('content-type')?.split(';')[0] ?? '';
  return [...compareHeaders(sent, type, described), ...compareBody(body, status, described.content, type)];
}

function compareHeaders(sent: Map<string, string>, type: string, described: Response): string[] {
  return Object.entries(described.headers).flatMap(([name, about]) => {
    const value = sent.get(name.toLowerCase());
    if (value !== undefined) return faultsOf(value, about.schema).map((fault) => `${name}: ${fault}`);
    return about.required || about['x-required-with'] === type ? [`the header ${name} is missing`] : [];
  });
}

function compareBody(body: string, status: number, described: Record<string, Media>, type: string): string[] {
  const types = Object.keys(described);
  if (types.length === 0) return body === '' ? [] : ['there is a body'];
  const expected = described[type];
  if (expected === undefined) return [`the type "${type}" is not among ${types.join(', ')}`];
  const value: unknown = type === PAGE ? body : JSON.parse(body);
  const faults = faultsOf(value, expected.schema);
  if (type !== PROBLEM || faults.length > 0) return faults;
  const stated = problem.parse(value);
  return [
    ...(stated.code in expected.examples ? [] : ['the code is not among the examples of this status']),
    ...(stated.status === status ? [] : ['the body states another status']),
  ];
}

/** The same, at the place that a reference names. */
function followed<Schema extends z.ZodType>(described: Schema) {
  return z.preprocess((value) => {
    const { data } = z.object({ $ref: z.string() }).safeParse(value);
    return data === undefined ? value : lookUp(data.$ref);
  }, described);
}

function lookUp(pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .reduce((value: unknown, name) => z.record(z.string(), z.unknown()).parse(value)[name], document);
}
