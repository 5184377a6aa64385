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
import { createProgress } from './progress.ts';
import { note, print } from './terminal.ts';
import { checkLanguage, fill, formatDay, texts } from './texts.ts';
import { describeErrorOf, describeOutcome } from './transfer.ts';

type Options = Exclude<Awaited<ReturnType<typeof readOptions>>, 'help'>;

process.exitCode = await runCommand({ usage: texts.usage.drop, read: readOptions, run: dropAll });

async function dropAll({ files, json, ...about }: Options, signal: AbortSignal): Promise<boolean> {
  const s3 = createS3();
  const progress = createProgress(process.stderr);
  const dropped: Dropped[] = [];
  for (const path of files) {
    if (signal.aborted) break;
    try {
      const outcome = await dropFile({ ...about, s3, path, progress, signal });
      dropped.push(outcome);
      if (!json) print(fill(texts.outcome.line, { path, outcome: describe(outcome) }));
    } catch (error) {
      note(describeErrorOf(path, error, describeTrouble));
    }
  }
  s3.client.destroy();
  if (json) {
    const uploads = dropped.map(({ upload, source, before }) => ({
      ...upload,
      source,
      alreadyAttached: before,
    }));
    print(JSON.stringify({ uploads }));
  }
  return dropped.filter(({ upload }) => upload.status === 'delivered').length === files.length;
}

function describe({ upload, before }: Dropped): string {
  if (upload.link) {
    // Its URL is made of a secret that only the bridge has.
    const words = before ? texts.outcome.linkedBefore : texts.outcome.linkedUntil;
    return fill(words, { day: formatDay(upload.link.expiresAt) });
  }
  return before
    ? fill(texts.outcome.before, { id: upload.attachment?.id ?? texts.outcome.noId })
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
      lang: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  checkLanguage(values.lang);
  if (values.help) return 'help';
  const { stage, project, issue, json } = values;
  if (files.length === 0) throw new Error(texts.usage.needsFile);
  if (stage !== undefined && (!project || !issue)) {
    throw new Error(fill(texts.usage.needsWorkItem, { option: '--stage' }));
  }
  const projectId = project ?? ANY_WORK_ITEM.projectId;
  const issueId = issue ?? ANY_WORK_ITEM.issueId;
  if (!projectSchema.safeParse(projectId).success) throw new Error(texts.usage.wrongProject);
  if (!issueSchema.safeParse(issueId).success) throw new Error(texts.usage.wrongIssue);
  useAccount(values);
  const services = await openServices(stage === undefined ? { local: true } : { stage }, 'ingest');
  const admission = admissionTo(projectId, services.config.ingest.admission);
  const [contentType, uploadedBy] = [values['content-type'], values['uploaded-by']];
  return { services, admission, projectId, issueId, contentType, uploadedBy, json, files };
}

/** Throws where the bridge would refuse every file, before any is sent. */
function admissionTo(projectId: string, admission: Admission | undefined): Admission {
  if (admission === undefined) throw new Error(texts.trouble.ingestionOff);
  const { projects } = admission;
  if (projects.includes('*') || projects.includes(projectId)) return admission;
  throw new Error(fill(texts.trouble.projectClosed, { id: projectId }));
}
