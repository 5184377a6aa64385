/**
 * `npm run drop`: puts files where producers put theirs, and follows each until IPD has it. Results go to standard
 * output, progress and errors to standard error.
 */
import { parseArgs } from 'node:util';
import { issueId as issueSchema, projectId as projectSchema } from '../lib/domain/fields.ts';
import type { Admission } from '../lib/ingestion/offers.ts';
import { createS3 } from '../lib/storage/s3.ts';
import { runCommand } from './command.ts';
import { dropFile } from './drop-file.ts';
import type { Dropped } from './drop-file.ts';
import { ANY_WORK_ITEM } from './local-stack.ts';
import { describeTrouble, openServices, useAccount } from './ops/place.ts';
import { describeErrorOf } from './transfer.ts';
import { createProgress } from './progress.ts';
import { describeOutcome } from './transfer.ts';

const USAGE = `Usage: npm run drop -- [options] FILE…

Puts files under ingest/ of the staging bucket, as a CI job or a device does, and follows each until IPD has it.
Without --stage they go to the stack that npm start runs. The same bytes under the same name are attached once.

  --project ID         the project, 32 letters and digits
  --issue ID           the work item, 18 or 19 digits
  --uploaded-by NAME   who sends them; people see it as what the producer says
  --content-type TYPE  for all files (default: by extension)
  --stage NAME         the deployment of this stage; needs the AWS command line interface (aws), and credentials
                       that may read the functions' settings and the table and put objects
  --profile NAME       credentials and region, as AWS_PROFILE does; --region NAME, as AWS_REGION does
  --json               print nothing but one line of JSON: {"uploads":[…]}, each as the API tells it and with
                       "source" and "alreadyAttached"; for programs call npm run -s drop
  --help               show this

Exit codes: 0 all attached, 1 something failed, 2 wrong usage or no stack, 130 interrupted (what was put goes on).`;

type Options = Exclude<Awaited<ReturnType<typeof readOptions>>, 'help'>;

process.exitCode = await runCommand({ usage: USAGE, read: readOptions, run: dropAll });

async function dropAll({ files, json, ...about }: Options, signal: AbortSignal): Promise<boolean> {
  const s3 = createS3();
  const progress = createProgress(process.stderr);
  const dropped: Dropped[] = [];
  for (const path of files) {
    if (signal.aborted) break;
    try {
      const outcome = await dropFile({ ...about, s3, path, progress, signal });
      dropped.push(outcome);
      if (!json) console.log(`${path}: ${describe(outcome)}`);
    } catch (error) {
      console.error(describeErrorOf(path, error, describeTrouble));
    }
  }
  s3.client.destroy();
  if (json) {
    const uploads = dropped.map(({ upload, source, before }) => ({
      ...upload,
      source,
      alreadyAttached: before,
    }));
    console.log(JSON.stringify({ uploads }));
  }
  return dropped.filter(({ upload }) => upload.status === 'delivered').length === files.length;
}

function describe({ upload, before }: Dropped): string {
  return before
    ? `attached before as ${upload.attachment?.id ?? '(IPD did not tell the id)'}`
    : describeOutcome(upload);
}

async function readOptions() {
  const { values, positionals: files } = parseArgs({
    allowPositionals: true,
    options: {
      project: { type: 'string' },
      issue: { type: 'string' },
      'uploaded-by': { type: 'string' },
      'content-type': { type: 'string' },
      stage: { type: 'string' },
      profile: { type: 'string' },
      region: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const { stage, project, issue, json } = values;
  if (files.length === 0) throw new Error('Name at least one file');
  if (stage !== undefined && (!project || !issue)) {
    throw new Error('--project and --issue are needed with --stage');
  }
  const projectId = project ?? ANY_WORK_ITEM.projectId;
  const issueId = issue ?? ANY_WORK_ITEM.issueId;
  check('--project', projectSchema.safeParse(projectId));
  check('--issue', issueSchema.safeParse(issueId));
  useAccount(values);
  const services = await openServices(stage === undefined ? { local: true } : { stage }, 'ingest');
  const admission = admissionTo(projectId, services.config.ingest.admission);
  const [contentType, uploadedBy] = [values['content-type'], values['uploaded-by']];
  return { services, admission, projectId, issueId, contentType, uploadedBy, json, files };
}

function check(option: string, { error }: ReturnType<typeof projectSchema.safeParse>): void {
  if (error !== undefined) throw new Error(`${option} ${error.issues[0]?.message}`);
}

/** Throws where the bridge would refuse every file, before any is sent. */
function admissionTo(projectId: string, admission: Admission | undefined): Admission {
  if (admission === undefined) throw new Error('Ingestion is off: set INGEST_PROJECTS');
  const { projects } = admission;
  if (projects.includes('*') || projects.includes(projectId)) return admission;
  throw new Error(`Project ${projectId} is not open for ingestion: INGEST_PROJECTS does not name it`);
}
