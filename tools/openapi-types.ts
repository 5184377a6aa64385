/**
 * Makes the client's types from the schemas of openapi.yaml. `npm run generate` writes packages/client/src/types.ts; `--print`
 * prints them. A list of values that the schema calls open allows any other text, too.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile } from 'json-schema-to-typescript';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';
import { z } from 'zod';

/** The schemas that callers of the client use by name. Other schemas are written out where they are used. */
const NAMES = [
  'Upload',
  'Staging',
  'SingleStaging',
  'MultipartStaging',
  'PartRequest',
  'NewUpload',
  'UploadPage',
  'Limits',
  'Problem',
];
const HEADER = `/**
 * The resources of the HTTP API as they travel: what the server answers and what the client sends.
 * Generated from openapi.yaml by \`npm run generate\`.
 */
`;
const WIDTH = 110;
const REFERENCE = '#/components/schemas/';
const SOURCE = fileURLToPath(new URL('../openapi.yaml', import.meta.url));
const TARGET = fileURLToPath(new URL('../packages/client/src/types.ts', import.meta.url));

const schemasOf = z
  .object({ components: z.object({ schemas: z.record(z.string(), z.record(z.string(), z.json())) }) })
  .transform(({ components }) => components.schemas);

type Schemas = z.infer<typeof schemasOf>;
type Json = z.infer<ReturnType<typeof z.json>>;

/** The text of packages/client/src/types.ts for a description of the API. */
export async function generateTypes(openapi: string): Promise<string> {
  const schemas = schemasOf.parse(parse(openapi));
  const root = {
    $defs: Object.fromEntries(NAMES.map((name) => [name, toDefinition(schemas[name], schemas)])),
  };
  const types = await compile(root, 'Root', {
    unreachableDefinitions: true,
    additionalProperties: false,
    bannerComment: HEADER,
    format: false,
  });
  const config = await resolveConfig(TARGET);
  return shortenComments(await format(withoutRoot(types), { ...config, parser: 'typescript' }));
}

/** The same schema without the keywords that types cannot express, and with references to the named schemas only. */
function toDefinition(value: Json | undefined, schemas: Schemas): Json {
  if (Array.isArray(value)) return value.map((item) => toDefinition(item, schemas));
  if (typeof value !== 'object' || value === null) return value ?? null;
  const { $ref, not: _not, minItems: _minItems, maxItems: _maxItems, 'x-open': isOpen, ...rest } = value;
  if (typeof $ref === 'string') {
    const name = $ref.slice(REFERENCE.length);
    if (NAMES.includes(name)) return { ...rest, $ref: `#/$defs/${name}` };
    return toDefinition({ ...schemas[name], ...rest }, schemas);
  }
  const entries = Object.entries(rest).map(([key, item]) => [key, toDefinition(item, schemas)]);
  return Object.fromEntries(isOpen === true ? [...entries, ['tsType', openUnion(rest['enum'])]] : entries);
}

/** The type of the listed values and of all other texts. */
function openUnion(values: Json | undefined): string {
  const listed = Array.isArray(values) ? values.map((value) => JSON.stringify(value)) : [];
  return [...listed, '(string & {})'].join(' | ');
}

/** Removes the root schema that the generator needs, and its mentions. */
function withoutRoot(types: string): string {
  return types
    .replace(/export interface Root \{[^}]*\}\n/, '')
    .replaceAll(/(\n \* ?)*\n \* This interface was referenced by `Root`[^]*?\*\//g, '\n */')
    .replaceAll(/export interface (\w+) \{/g, 'export type $1 = {');
}

/** Puts a comment of one sentence on one line, and wraps long comments like those of this repository. */
function shortenComments(types: string): string {
  const apart = types.replaceAll(';\n/**', ';\n\n/**');
  return apart.replaceAll(/^( *)\/\*\*\n *\* (.*)\n *\*\/$/gm, (_match, indent: string, text: string) => {
    const line = `${indent}/** ${text} */`;
    if (line.length <= WIDTH) return line;
    const width = WIDTH - indent.length - ' * '.length;
    const lines = text.match(new RegExp(`\\S.{0,${width - 1}}(?= |$)`, 'g')) ?? [text];
    return [`${indent}/**`, ...lines.map((words) => `${indent} * ${words}`), `${indent} */`].join('\n');
  });
}

if (process.argv[1] === import.meta.filename) {
  const types = await generateTypes(await readFile(SOURCE, 'utf8'));
  if (process.argv.includes('--print')) process.stdout.write(types);
  else await writeFile(TARGET, types);
}
