/**
 * Values as openapi.yaml describes them: what a well-behaved client would send to a route. Understands the part of
 * JSON Schema that requests use; anything else becomes any JSON at all.
 */
import * as fc from 'fast-check';
import { parse } from 'yaml';
import { z } from 'zod';
import { source } from '../support/contract.ts';

export type Described = {
  /** By name; query and header parameters may be left out, as a client may. */
  parameters: Record<'path' | 'query' | 'header', Record<string, fc.Arbitrary<unknown>>>;
  /** Undefined for a route that takes none, or not JSON. */
  body: fc.Arbitrary<unknown> | undefined;
  isForm: boolean;
};

const document = z.record(z.string(), z.unknown()).parse(parse(source));
const object = z.record(z.string(), z.unknown());
const schema = z.looseObject({
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  pattern: z.string().optional(),
  format: z.string().optional(),
  minLength: z.int().default(0),
  maxLength: z.int().default(60),
  minimum: z.number().default(0),
  maximum: z.number().default(60_000_000),
  minItems: z.int().default(0),
  maxItems: z.int().default(4),
  items: z.unknown().optional(),
  required: z.array(z.string()).default([]),
  properties: object.default({}),
});
const parameter = z.object({
  name: z.string(),
  in: z.enum(['path', 'query', 'header']),
  schema: z.unknown(),
});
const operation = z.looseObject({
  parameters: z.array(z.unknown()).default([]),
  requestBody: z.object({ content: z.record(z.string(), z.object({ schema: z.unknown() })) }).optional(),
});

/** What a client may send to this route; undefined when openapi.yaml does not have it. */
export function describeRoute(route: string): Described | undefined {
  const [method = '', path = ''] = route.split(' ');
  const shared = object.safeParse(object.parse(document['paths'])[path]).data;
  const own = operation.safeParse(shared?.[method.toLowerCase()]).data;
  if (own === undefined) return undefined;
  const common = operation.parse({ parameters: shared?.['parameters'] ?? [] });
  const described: Described = {
    parameters: { path: {}, query: {}, header: {} },
    body: undefined,
    isForm: false,
  };
  for (const given of [...common.parameters, ...own.parameters]) {
    const { name, in: place, schema: about } = parameter.parse(followed(given));
    described.parameters[place][place === 'header' ? name.toLowerCase() : name] = valueOf(about);
  }
  const content = own.requestBody?.content ?? {};
  const json = content['application/json'];
  return { ...described, body: json && valueOf(json.schema), isForm: 'multipart/form-data' in content };
}

function valueOf(given: unknown): fc.Arbitrary<unknown> {
  const about = schema.parse(followed(given) ?? {});
  if (about.enum !== undefined) return fc.constantFrom(...about.enum);
  if (about.const !== undefined) return fc.constant(about.const);
  const type = Array.isArray(about.type) ? about.type[0] : about.type;
  switch (type) {
    case 'string':
      if (about.format === 'uuid') return fc.uuid();
      return about.pattern === undefined
        ? fc.string({
            unit: 'grapheme',
            minLength: about.minLength,
            maxLength: Math.min(about.maxLength, 60),
          })
        : fc.stringMatching(new RegExp(about.pattern));
    case 'integer':
      return fc.integer({ min: about.minimum, max: about.maximum });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valueOf(about.items), {
        minLength: about.minItems,
        maxLength: Math.max(about.minItems, Math.min(about.maxItems, 4)),
      });
    case 'object': {
      const members: Record<string, fc.Arbitrary<unknown>> = Object.fromEntries(
        Object.entries(about.properties).map(([name, value]) => [name, valueOf(value)]),
      );
      return fc.record(members, { requiredKeys: about.required });
    }
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

/** The same, at the place that a reference names. */
function followed(given: unknown): unknown {
  const { $ref } = object.safeParse(given).data ?? {};
  if (typeof $ref !== 'string') return given;
  return $ref
    .split('/')
    .slice(1)
    .reduce((value: unknown, name) => object.parse(value)[name], document);
}
