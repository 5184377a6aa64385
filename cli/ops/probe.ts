/**
 * `npm run ops -- probe`: finds out what no public page says about IPD, on a scratch work item of a real tenant, and
 * prints the settings that follow. Only a person can remove its attachments, so it requires --yes.
 */
import { open } from 'node:fs/promises';
import type { Transcript } from '../../local/ipd/transcript.ts';
import { findIpd } from './place.ts';
import {
  measureAnswer,
  measureBodies,
  measureFullness,
  measureNames,
  measureParallel,
  measureRate,
  measureSizes,
  PARALLEL,
} from './probing.ts';
import { adviseOf, describeFindings, describeGaps } from './findings.ts';
import type { Findings } from './findings.ts';
import { createRecording } from './transcript.ts';
import { openTenant } from './tenant.ts';
import type { Tenant } from './tenant.ts';
import { readCount } from './terms.ts';
import type { Given, Say, Task, Values } from './terms.ts';

const SIZES = '11000000,13000000,49000000,51000000';
const MOST_PRESENT = 10;

export const probe: Task = {
  takes: [
    'project',
    'issue',
    'yes',
    'sizes',
    'refine',
    'rate-seconds',
    'slow-seconds',
    'quiet-seconds',
    'fill',
    'patience',
    'record',
  ],
  check,

  async run({ values, say, signal }) {
    const item = { projectId: values.project ?? '', issueId: values.issue ?? '' };
    const recording = createRecording([item.projectId, item.issueId]);
    const file = values.record === undefined ? undefined : await createFile(values.record);
    try {
      const tenant = await openTenant(await findIpd(values), { item, record: recording.record, signal });
      const where = tenant.gateway === undefined ? '' : ` through ${tenant.gateway}`;
      say(
        `${tenant.endpoint}${where}, work item ${item.issueId}, credentials: ${tenant.auths.join(' and ')}`,
      );
      return await examine(tenant, readPlan(values), say);
    } finally {
      // A measurement that fails has recorded what it failed by.
      await file?.write(recording.transcript(), say);
    }
  },
};

async function examine(tenant: Tenant, plan: Plan, say: Say) {
  const present = (await tenant.list()).length;
  if (present > MOST_PRESENT) {
    throw new Error(
      `The work item has ${present} attachments: give one that is empty, since 100 are the most`,
    );
  }
  const findings = await measure(tenant, plan, say);
  const settings = adviseOf(findings);
  const notReached = describeGaps(findings);
  say('');
  say('Settings that follow:');
  for (const [name, value] of Object.entries(settings)) say(`  ${name}=${value}`);
  const gaps = Object.entries(notReached);
  if (gaps.length > 0) say('Not reached, so these stay as they are:');
  for (const [name, why] of gaps) say(`  ${name}: ${why}`);
  return { well: true, answer: { findings, settings, notReached } };
}

/** Creates the file for the transcript before anything is sent: what it is for can be done only once on a work item. */
async function createFile(path: string) {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw new Error(`--record ${path}: the file cannot be made, or is there already`, { cause: error });
  });
  return {
    async write(transcript: Transcript, say: Say): Promise<void> {
      await file.writeFile(`${JSON.stringify(transcript, undefined, 2)}\n`);
      await file.close();
      const { exchanges, unlisted } = transcript;
      say(
        `${path}: ${exchanges.length} exchanges, without secrets, names and ids: read it before you share it`,
      );
      if (unlisted.length > 0) say(`members that are not listed yet: ${unlisted.join(', ')}`);
    },
  };
}

type Plan = ReturnType<typeof readPlan>;

/** Large files come last, since they may fill the work item. */
async function measure(tenant: Tenant, plan: Plan, say: Say): Promise<Findings> {
  const [first] = tenant.auths;
  if (first === undefined) throw new Error('IPD_CREDENTIALS holds nothing that fits IPD_AUTH');
  const way = tenant.way(first);
  const tell = <Part extends keyof Findings>(part: Part, value: Findings[Part]): Findings[Part] => {
    describeFindings({ [part]: value }).forEach(say);
    return value;
  };
  const answer = tell('answer', await measureAnswer(tenant, way, plan.patienceMs));
  const names = tell('names', await measureNames(tenant, way, plan.patienceMs));
  const bodies = tell('bodies', await measureBodies(way, plan.slowSeconds));
  // Earlier requests must not count in what follows.
  await tenant.wait(plan.quietMs);
  const parallel = tell('parallel', await measureParallel(tenant));
  await tenant.wait(plan.quietMs);
  const rate = tell('rate', await measureRate(tenant, plan.rateSeconds));
  await tenant.wait(plan.quietMs);
  const sizes: Findings['sizes'] = [];
  for (const auth of tenant.auths) sizes.push(await measureSizes(tenant.way(auth), plan));
  tell('sizes', sizes);
  const fullness = plan.fill ? tell('fullness', await measureFullness(tenant, way)) : undefined;
  return { answer, names, bodies, parallel, rate, sizes, fullness };
}

function readPlan(values: Values) {
  const sizes = (values.sizes ?? SIZES).split(',').map((size) => readCount('sizes', size, 0));
  return {
    sizes,
    refine: readCount('refine', values.refine, 0),
    rateSeconds: readCount('rate-seconds', values['rate-seconds'], 10),
    slowSeconds: readCount('slow-seconds', values['slow-seconds'], 60),
    patienceMs: readCount('patience', values.patience, 60) * 1000,
    fill: values.fill ?? false,
    quietMs: readCount('quiet-seconds', values['quiet-seconds'], 5) * 1000,
  };
}

function check({ values }: Given): void {
  readPlan(values);
  if (!/^[A-Za-z0-9]{32}$/.test(values.project ?? ''))
    throw new Error('--project is needed: 32 letters and digits');
  if (!/^\d{18,19}$/.test(values.issue ?? ''))
    throw new Error('--issue is needed: a scratch work item, 18 or 19 digits');
  if (!values.yes) {
    throw new Error(
      `This attaches up to about 80 files (${PARALLEL} at once), which only a person can remove: give --yes, and a scratch work item`,
    );
  }
}
