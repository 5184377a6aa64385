/**
 * Makes docs/settings.md from the schema of the settings and the words of deploy/meanings.ts: `npm run generate` writes
 * it. The bounds are the schema's numbers, or the sentence with which a deploy refuses a wrong value.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { meanings, region } from '../deploy/meanings.ts';
import type { Meaning } from '../deploy/meanings.ts';
import { deploySettings, findProblems } from '../deploy/settings.ts';
import { PARTS } from '../local/settings.ts';
import { GIB, MIB } from '../lib/domain/units.ts';

type Row = { name: string; standard: string; bounds: string; meaning: string };

const TARGET = fileURLToPath(new URL('../docs/settings.md', import.meta.url));
const UNITS = { GiB: GIB, MiB: MIB };
/** Values that every setting refuses, unless it takes any text; the second is like a reference to credentials. */
const WRONG = ['\u0000 ', 'secretsmanager:\u0000'];

const PORTS = [
  [PARTS.gateway, 'the API and its page'],
  [PARTS.s3, 'S3'],
  [PARTS.sqs, 'SQS and SNS'],
  [PARTS.dynamodb, 'DynamoDB'],
  [PARTS.ipd, 'the fake IPD'],
  [PARTS.issuer, 'the token issuer'],
] as const;

const INTRODUCTION = `# Settings

<!-- Generated from the schema (deploy/settings.ts, lib/runtime/settings.ts) and deploy/meanings.ts by \`npm run generate\`. -->

Environment variables of a deploy and of \`npm start\`. A deploy needs \`ISSUER_URL\`, and \`PROJECTS_CLAIM\` or \`IPD_PROJECTS\`; \`npm start\`
has an issuer, an origin and an IPD of its own, and opens all projects.

Both check the settings before they begin. They refuse a value out of bounds, settings that contradict each other, and an unknown
name that is like one of these.
`;

const boundsOf = z.object({
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  enum: z.array(z.string()).optional(),
});

/** The text of docs/settings.md. */
export async function generateSettings(): Promise<string> {
  const sections = [
    section('Region', [{ ...region, standard: code(region.standard), bounds: 'a region of AWS' }]),
    ...meanings.map(({ heading, settings }) =>
      section(
        heading,
        Object.entries(settings).map(([name, meaning]) => toRow(name, meaning)),
      ),
    ),
    section('Local stack', localRows()),
  ];
  const explained = new Set(meanings.flatMap(({ settings }) => Object.keys(settings)));
  const missing = Object.keys(deploySettings.shape).filter((name) => !explained.has(name));
  if (missing.length > 0) throw new Error(`deploy/meanings.ts does not explain ${missing.join(', ')}`);
  const config = await resolveConfig(TARGET);
  return format([INTRODUCTION, ...sections].join('\n'), { ...config, parser: 'markdown' });
}

function toRow(name: string, meaning: Meaning): Row {
  const words = typeof meaning === 'string' ? { meaning, unset: '–' } : meaning;
  return {
    name,
    standard: standardOf(name) ?? words.unset,
    bounds: findBounds(name),
    meaning: words.meaning,
  };
}

function standardOf(name: string): string | undefined {
  const standard = Object.entries(deploySettings.parse({})).find(([one]) => one === name)?.[1];
  return standard === undefined ? undefined : amount(name, standard);
}

function findBounds(name: string): string {
  const { properties } = z.toJSONSchema(deploySettings, { unrepresentable: 'any' });
  const { minimum, maximum, enum: values } = boundsOf.parse(properties?.[name]);
  if (minimum !== undefined && maximum !== undefined) {
    return `${amount(name, minimum)} to ${amount(name, maximum)}`;
  }
  if (values !== undefined) return values.map(code).join(', ');
  const sentences = WRONG.flatMap((value) =>
    findProblems({ [name]: value }, { kind: 'deploy', stage: '<stage>', region: region.standard }),
  )
    .filter((sentence) => sentence.startsWith(`${name}: `))
    .map((sentence) => sentence.slice(name.length + 2).replace(/^must (be |have a form )?/, ''));
  return sentences.length === 0 ? 'any text' : [...new Set(sentences)].map(quote).join('; ');
}

function localRows(): Row[] {
  const ports = PORTS.map(([{ variable, port }, part]) => ({
    name: variable,
    standard: code(String(port)),
    bounds: `${code('0')} (any free port) to ${code('65535')}`,
    meaning: `The port of ${part}`,
  }));
  return [
    {
      name: 'LOCAL_DATA_DIRECTORY',
      standard: code('.local'),
      bounds: 'a directory, one for each stack',
      meaning: 'Where the stack keeps its data',
    },
    ...ports,
  ];
}

function section(heading: string, rows: Row[]): string {
  const lines = rows.map((row) => [code(row.name), row.standard, row.bounds, row.meaning]);
  const table = [['Variable', 'Default', 'Bounds', 'Meaning'], ['-', '-', '-', '-'], ...lines];
  return [`## ${heading}`, '', ...table.map((cells) => `| ${cells.join(' | ')} |`), ''].join('\n');
}

/** The value, and for bytes also the value in MiB or GiB. */
function amount(name: string, value: unknown): string {
  const text = code(String(value));
  const [unit, size] = Object.entries(UNITS).find(([, bytes]) => Number(value) % bytes === 0) ?? [];
  return name.endsWith('_BYTES') && size !== undefined ? `${text} (${Number(value) / size} ${unit})` : text;
}

/** Puts literal values into code spans, so that Markdown does not interpret them. */
function quote(sentence: string): string {
  return sentence.replaceAll(/[\w.-]*[:/=](?=\S)(?:<[^>]*>|[^\s,;<])*/g, code);
}

function code(text: string): string {
  return `\`${text}\``;
}

if (process.argv[1] === import.meta.filename) await writeFile(TARGET, await generateSettings());
