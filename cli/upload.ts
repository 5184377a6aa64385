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
import { describeErrorOf, describeOutcome, sendFile } from './transfer.ts';
import type { Transfer } from './transfer.ts';

const USAGE = `Usage: npm run upload -- [options] FILE…

Uploads files and attaches them to an IPD work item. Without --api they go to the stack that npm start runs.
A run that died is continued by the same command: what storage has is not sent again.

  --api URL            where the API is, such as https://uploads.example.com
  --token TOKEN        the user's JWT (default: $UPLOAD_TOKEN)
  --project ID         the project, 32 letters and digits
  --issue ID           the work item, 18 or 19 digits
  --content-type TYPE  for all files (default: by extension)
  --patience SECONDS   how long to wait while nothing answers (default: 30)
  --again              attach files once more that are attached to the work item already
  --json               print nothing but one line of JSON: {"uploads":[…]}, each as the API tells it and with
                       "alreadyAttached"; for programs call npm run -s upload
  --help               show this

Exit codes: 0 all attached, 1 something failed, 2 wrong usage or no stack, 130 interrupted (what was under way is cancelled).`;

/** Gives up sooner than an app on a phone would, since a user waits at the terminal. */
const STANDARD_PATIENCE_SECONDS = 30;

type Given = Exclude<ReturnType<typeof readArguments>, 'help'>;
type Options = Awaited<ReturnType<typeof completed>>;

process.exitCode = await runCommand({ usage: USAGE, read: readOptions, run: uploadAll });

async function uploadAll(options: Options, signal: AbortSignal): Promise<boolean> {
  const { files, json, api, token, patienceMs, ...about } = options;
  const client = createClient({ apiUrl: api, token, patienceMs });
  const progress = createProgress(process.stderr);
  const sent: Transfer[] = [];
  for (const path of files) {
    if (signal.aborted) break;
    try {
      const transfer = await sendFile({ client, path, ...about, progress, signal });
      sent.push(transfer);
      if (!json) console.log(`${path}: ${describe(transfer)}`);
    } catch (error) {
      console.error(describeErrorOf(path, error));
    }
  }
  if (json) {
    console.log(
      JSON.stringify({ uploads: sent.map(({ upload, before }) => ({ ...upload, alreadyAttached: before })) }),
    );
  }
  return sent.filter(({ upload }) => upload.status === 'delivered').length === files.length;
}

function describe({ upload, before }: Transfer): string {
  const outcome = describeOutcome(upload);
  if (!before) return outcome;
  const gone = upload.attachmentGone ? ', which IPD has no more' : '';
  return `was attached already: ${outcome}${gone}; --again attaches it once more`;
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
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const { api, token, project, issue, again, json } = values;
  if (positionals.length === 0) throw new Error('Name at least one file');
  const contentType = values['content-type'];
  const patienceMs = readCount('patience', values.patience, STANDARD_PATIENCE_SECONDS) * 1000;
  const common = { contentType, patienceMs, again, json, files: positionals };
  if (api === undefined) return { ...common, api, token, projectId: project, issueId: issue };
  if (!URL.canParse(api)) throw new Error(`--api ${api} is not a URL`);
  if (!token) throw new Error('--token or UPLOAD_TOKEN is needed with --api');
  if (!project || !issue) throw new Error('--project and --issue are needed with --api');
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
