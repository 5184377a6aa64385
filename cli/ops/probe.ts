/**
 * `npm run ops -- probe`: finds out what no public page says about IPD, on a scratch work item of a real tenant, and
 * prints the settings that follow. Only a person can remove its attachments, so it requires --yes. With --links it
 * examines links and comments in place of attachments, since not every tenant has them, and removes what it makes.
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
import { describeComments, describeLinks, describeUse } from './findings-links.ts';
import { measureComments, measureLinks } from './probing-links.ts';
import type { Findings } from './findings.ts';
import { createRecording } from './transcript.ts';
import { openTenant } from './tenant.ts';
import type { Tenant } from './tenant.ts';
import { readCount } from './terms.ts';
import type { Given, Say, Task, Values } from './terms.ts';
import { fill, texts, Trouble } from '../texts.ts';
import { en } from '../texts/en.ts';

const SIZES = '11000000,13000000,49000000,51000000';
const MOST_PRESENT = 10;
/** What --links does not measure. */
const ONLY_FILES = ['sizes', 'refine', 'rate-seconds', 'slow-seconds', 'quiet-seconds', 'fill'] as const;

export const probe: Task = {
  takes: ['project', 'issue', 'yes', ...ONLY_FILES, 'links', 'patience', 'record'],
  check,

  async run({ values, say, signal }) {
    const item = { projectId: values.project ?? '', issueId: values.issue ?? '' };
    const recording = createRecording([item.projectId, item.issueId]);
    const file = values.record === undefined ? undefined : await createFile(values.record);
    try {
      const tenant = await openTenant(await findIpd(values), { item, record: recording.record, signal });
      const { endpoint, gateway } = tenant;
      const about = { endpoint, issue: item.issueId, auths: tenant.auths.join(texts.separators.and) };
      say(
        gateway === undefined
          ? fill(texts.ops.probe.where, about)
          : fill(texts.ops.probe.whereThrough, { ...about, gateway }),
      );
      const plan = readPlan(values);
      return values.links ? await examineLinks(tenant, plan, say) : await examine(tenant, plan, say);
    } finally {
      // A measurement that fails has recorded what it failed by.
      await file?.write(recording.transcript(), say);
    }
  },
};

async function examine(tenant: Tenant, plan: Plan, say: Say) {
  const present = (await tenant.list()).length;
  if (present > MOST_PRESENT) {
    throw new Trouble(({ ops }) => fill(ops.probe.tooMany, { count: present }));
  }
  const findings = await measure(tenant, plan, say);
  const settings = adviseOf(findings);
  say('');
  say(texts.ops.probe.follow);
  for (const [name, value] of Object.entries(settings)) say(`  ${name}=${value}`);
  const gaps = Object.entries(describeGaps(findings));
  if (gaps.length > 0) say(texts.ops.probe.notReached);
  for (const [name, why] of gaps) say(`  ${fill(texts.ops.probe.gap, { name, why })}`);
  const names = findings.names.map((name) => ({ ...name, label: en.ops.labels[name.label] }));
  const answer = { findings: { ...findings, names }, settings, notReached: describeGaps(findings, en) };
  return { well: true, answer };
}

async function examineLinks(tenant: Tenant, { patienceMs }: Plan, say: Say) {
  const links = await measureLinks(tenant, patienceMs);
  describeLinks(links).forEach(say);
  const comments = await measureComments(tenant, patienceMs);
  describeComments(comments).forEach(say);
  say('');
  describeUse(links, comments).forEach(say);
  const titles = links.titles?.map((title) => ({ ...title, label: en.ops.labels[title.label] }));
  const findings = { links: { ...links, titles }, comments };
  return { well: links.left + comments.left === 0, answer: { findings } };
}

/** Creates the file for the transcript before anything is sent: what it is for can be done only once on a work item. */
async function createFile(path: string) {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw new Trouble(({ ops }) => fill(ops.probe.noFile, { path }), { cause: error });
  });
  return {
    async write(transcript: Transcript, say: Say): Promise<void> {
      await file.writeFile(`${JSON.stringify(transcript, undefined, 2)}\n`);
      await file.close();
      const { exchanges, unlisted } = transcript;
      say(fill(texts.ops.probe.recorded, { path, count: exchanges.length }));
      const members = unlisted.join(texts.separators.members);
      if (unlisted.length > 0) say(fill(texts.ops.probe.unlisted, { members }));
    },
  };
}

type Plan = ReturnType<typeof readPlan>;

/** Large files come last, since they may fill the work item. */
async function measure(tenant: Tenant, plan: Plan, say: Say): Promise<Findings> {
  const [first] = tenant.auths;
  if (first === undefined) throw new Trouble(({ ops }) => ops.probe.noFit);
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
  if (!/^[A-Za-z0-9]{32}$/.test(values.project ?? '')) throw new Error(texts.ops.wrong.needsProject);
  if (!/^\d{18,19}$/.test(values.issue ?? '')) throw new Error(texts.ops.wrong.needsIssue);
  const other = ONLY_FILES.find((option) => values[option] !== undefined);
  if (values.links && other !== undefined)
    throw new Error(fill(texts.ops.wrong.linksAlone, { option: other }));
  if (values.yes) return;
  if (values.links) throw new Error(texts.ops.wrong.needsYesForLinks);
  throw new Error(fill(texts.ops.wrong.needsYes, { parallel: PARALLEL }));
}
