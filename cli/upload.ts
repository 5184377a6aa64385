/**
 * `npm run upload`: sends files to a work item through a deployed or local API and follows each
 * until IPD has it. Results go to standard output, progress and errors to standard error.
 */
import { parseArgs } from 'node:util';
import { createClient } from '../packages/client/src/node.ts';
import { ANY_WORK_ITEM, findLocalStack, mintToken } from './local-stack.ts';
import { runCommand } from './command.ts';
import { readCount } from './ops/terms.ts';
import { createProgress } from './progress.ts';
import { note, print } from './terminal.ts';
import { checkLanguage, fill, texts } from './texts.ts';
import { describeErrorOf, describeOutcome, sendFile } from './transfer.ts';
import type { Transfer } from './transfer.ts';

/** Gives up sooner than an app on a phone would, since a user waits at the terminal. */
const STANDARD_PATIENCE_SECONDS = 30;

type Given = Exclude<ReturnType<typeof readArguments>, 'help'>;
type Options = Awaited<ReturnType<typeof completed>>;

process.exitCode = await runCommand({ usage: texts.usage.upload, read: readOptions, run: uploadAll });

async function uploadAll(options: Options, signal: AbortSignal): Promise<boolean> {
  const { files, json, api, token, patienceMs, ...about } = options;
  const client = createClient({ apiUrl: api, token, patienceMs, language: texts.language });
  const progress = createProgress(process.stderr);
  const sent: Transfer[] = [];
  for (const path of files) {
    if (signal.aborted) break;
    try {
      const transfer = await sendFile({ client, path, ...about, progress, signal });
      sent.push(transfer);
      if (!json) print(fill(texts.outcome.line, { path, outcome: describe(transfer) }));
    } catch (error) {
      note(describeErrorOf(path, error));
    }
  }
  if (json) {
    print(
      JSON.stringify({ uploads: sent.map(({ upload, before }) => ({ ...upload, alreadyAttached: before })) }),
    );
  }
  return sent.filter(({ upload }) => upload.status === 'delivered').length === files.length;
}

function describe({ upload, before }: Transfer): string {
  const outcome = describeOutcome(upload);
  if (!before) return outcome;
  const gone = upload.attachmentGone ? texts.outcome.gone : '';
  return fill(texts.outcome.alreadyAttached, { outcome, gone });
}

async function readOptions(): Promise<Options | 'help'> {
  const given = readArguments();
  return given === 'help' ? given : completed(given);
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      api: { type: 'string' },
      token: { type: 'string', default: process.env['UPLOAD_TOKEN'] ?? '' },
      project: { type: 'string' },
      issue: { type: 'string' },
      'content-type': { type: 'string' },
      patience: { type: 'string', default: String(STANDARD_PATIENCE_SECONDS) },
      again: { type: 'boolean', default: false },
      lang: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  checkLanguage(values.lang);
  if (values.help) return 'help';
  const { api, token, project, issue, again, json } = values;
  if (positionals.length === 0) throw new Error(texts.usage.needsFile);
  const contentType = values['content-type'];
  const patienceMs = readCount('patience', values.patience, STANDARD_PATIENCE_SECONDS) * 1000;
  const common = { contentType, patienceMs, again, json, files: positionals };
  if (api === undefined) return { ...common, api, token, projectId: project, issueId: issue };
  if (!URL.canParse(api)) throw new Error(fill(texts.usage.noUrl, { value: api }));
  if (!token) throw new Error(texts.usage.needsToken);
  if (!project || !issue) throw new Error(fill(texts.usage.needsWorkItem, { option: '--api' }));
  return { ...common, api, token, projectId: project, issueId: issue };
}

/** Takes missing options from the stack of npm start, where any work item will do. */
async function completed(options: Given) {
  const { api, token, projectId = ANY_WORK_ITEM.projectId, issueId = ANY_WORK_ITEM.issueId } = options;
  const about = { ...options, projectId, issueId };
  if (api !== undefined) return { ...about, api };
  const local = await findLocalStack();
  return { ...about, api: local.apiUrl, token: token || (await mintToken(local.tokenUrl, 'me')) };
}
