/**
 * `npm run ops -- logs`: runs a CloudWatch Logs Insights query on a deployment's log groups and prints the rows.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
 */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { aws } from './aws.ts';
import { SERVICE } from './place.ts';
import { readAge, sayTable } from './terms.ts';
import type { Task } from './terms.ts';
import { fill, texts, Trouble } from '../texts.ts';

const FUNCTIONS = ['uploads', 'uppy', 'attach', 'deliver', 'ingest', 'sweep'];
/** The access log of the API. */
const API = 'api';
const STANDARD_AGE = '3h';
const POLL_EVERY_MS = 500;

const begun = z.string();
const looked = z.object({
  status: z.string(),
  results: z.array(z.array(z.object({ field: z.string(), value: z.string() }))),
});
type Row = Record<string, string>;

export const logs: Task = {
  takes: ['ID', 'query', 'since'],

  check({ values, names }) {
    if (values.stage === undefined) throw new Error(texts.ops.wrong.logsNeedStage);
    if ((values.query ?? '') === '') throw new Error(texts.ops.wrong.needsQuery);
    readAge('since', values.since);
    const unknown = names.find((name) => name !== API && !FUNCTIONS.includes(name));
    if (unknown !== undefined) {
      const there = [...FUNCTIONS, API].join(texts.separators.members);
      throw new Error(fill(texts.ops.wrong.noLog, { value: unknown, values: there }));
    }
  },

  async run({ values, names, say, signal }) {
    const { stage = '', query = '' } = values;
    const since = readAge('since', values.since ?? STANDARD_AGE) ?? 0;
    const groups = (names.length > 0 ? names : FUNCTIONS).map((name) => groupOf(stage, name));
    const rows = await ask({ groups, query, since, signal });
    if (rows.length > 0) toTable(rows).forEach(say);
    else say(fill(texts.ops.logs.none, { age: values.since ?? STANDARD_AGE }));
    return { well: true, answer: { rows } };
  },
};

async function ask(question: {
  groups: string[];
  query: string;
  since: number;
  signal: AbortSignal;
}): Promise<Row[]> {
  const now = Math.floor(Date.now() / 1000);
  const started = await aws([
    'logs',
    'start-query',
    '--log-group-names',
    ...question.groups,
    '--start-time',
    String(now - Math.floor(question.since / 1000)),
    '--end-time',
    String(now),
    '--query-string',
    question.query,
    '--query',
    'queryId',
  ]);
  const id = begun.parse(started);
  for (;;) {
    const { status, results } = looked.parse(await aws(['logs', 'get-query-results', '--query-id', id]));
    if (status === 'Complete') {
      // The field @ptr points to the log line: left out.
      return results.map((fields) =>
        Object.fromEntries(
          fields.flatMap(({ field, value }) => (field === '@ptr' ? [] : [[field, value.trim()]])),
        ),
      );
    }
    if (status !== 'Scheduled' && status !== 'Running') {
      throw new Trouble(({ ops }) => fill(ops.logs.ended, { status }));
    }
    await pause(POLL_EVERY_MS, undefined, { signal: question.signal });
  }
}

function groupOf(stage: string, name: string): string {
  return name === API ? `/aws/http-api/${SERVICE}-${stage}` : `/aws/lambda/${SERVICE}-${stage}-${name}`;
}

/** Rows need not have the same fields. */
function toTable(rows: Row[]): string[] {
  const fields = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return sayTable([fields, ...rows.map((row) => fields.map((field) => row[field] ?? '-'))]);
}
