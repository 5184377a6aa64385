/**
 * The real layer of the chaos: real parts over sockets, deliveries and ingestion in processes that die by SIGKILL or are
 * stopped at any moment, the sweep, and an oracle. What happens is drawn from a seed and has the same trace each time;
 * its timing is the machine's and cannot be repeated.
 */
import { createHash } from 'node:crypto';
import { linkedKey, stagingKey } from '../../../lib/domain/upload.ts';
import { storageEvent } from '../../support/queue-event.ts';
import { createRandom } from '../random.ts';
import { judgeNotifications, judgeStorage } from '../oracle-at-rest.ts';
import { judge } from '../oracle.ts';
import { judgeLinks } from '../oracle-links.ts';
import { isFinal, readRecord } from '../oracle-reading.ts';
import type { UploadRecord } from '../oracle-reading.ts';
import { drive } from './drive.ts';
import { LASTING, TRANSIENT } from './faults.ts';
import type { Rule } from './faults.ts';
import { openGround } from './ground.ts';
import type { Ground } from './ground.ts';
import { drawPlans, MOST_ATTACHED } from './plan.ts';
import type { Fate, Plan } from './plan.ts';

export type RealResult = {
  schedules: number;
  uploads: number;
  /** Those of them that producers offered. */
  drops: number;
  requests: number;
  delivered: number;
  /** Those of them that ended in a link. */
  linked: number;
  failed: Record<string, number>;
  undecided: number;
  faults: Record<string, number>;
  lost: number;
  duplicates: number;
  stuck: number;
  untold: number;
  leftovers: number;
  seed: string | number;
  trace: string;
};

type Options = { schedules: number; seed: string | number; log?: (line: string) => void };

/** `drop`: the key under which a producer has put it. */
type Stored = { id: string; sha256: string; drop?: string | undefined };

type Staged = {
  plan: Plan;
  files: Stored[];
  /** Fates that have not happened yet. */
  fates: Fate[];
  ingestFates: Fate[];
};

/** Schedules that run together and share their time. */
const AT_ONCE = 5;
const SPARE_CHILDREN = 3;

/** Runs so many schedules; `log` gets the progress, and all data of a schedule that fails. */
export async function runReal({ schedules, seed, log = () => undefined }: Options): Promise<RealResult> {
  const plans = drawPlans(createRandom(`real/${seed}`), schedules);
  const result: RealResult = {
    schedules,
    uploads: 0,
    drops: 0,
    requests: 0,
    delivered: 0,
    linked: 0,
    failed: {},
    undecided: 0,
    faults: {},
    lost: 0,
    duplicates: 0,
    stuck: 0,
    untold: 0,
    leftovers: 0,
    seed,
    trace: createHash('sha256').update(JSON.stringify(plans)).digest('hex'),
  };
  const ground = await openGround({ spare: SPARE_CHILDREN });
  try {
    for (let index = 0; index < plans.length; index += AT_ONCE) {
      await runTogether(ground, plans.slice(index, index + AT_ONCE), { result, log });
      log(`${Math.min(index + AT_ONCE, plans.length)} of ${plans.length} schedules`);
    }
  } finally {
    await ground.close();
  }
  return result;
}

async function runTogether(
  ground: Ground,
  plans: Plan[],
  { result, log }: { result: RealResult; log: (line: string) => void },
): Promise<void> {
  const staged = await Promise.all(plans.map((plan) => stage(ground, plan, result)));
  const faults = plans.flatMap(faultsOf);
  await ground.world.faults(faults.map(({ rule }) => rule));
  await drive(ground, {
    ids: staged.flatMap(({ files }) => files.map(({ id }) => id)),
    assign({ to, body }) {
      const own = staged.find(
        ({ plan, files }) => body.includes(plan.issueId) || files.some(({ id }) => body.includes(id)),
      );
      // An upload that got stuck in an earlier round may still have messages in the queue.
      if (own === undefined) return { auth: 'aksk' };
      const { plan } = own;
      const fates = to === 'ingest' ? own.ingestFates : own.fates;
      const fate = fates.shift();
      // A fate that did not happen is kept for a later message.
      const onEnd = (isTrue: boolean) => {
        if (fate === undefined) return;
        if (isTrue) count(result.faults, to === 'ingest' ? `ingest ${fate.kind}` : fate.kind);
        else fates.push(fate);
      };
      return { auth: plan.auth, fate, onEnd };
    },
  });
  const fired = await ground.firedFaults();
  for (const [index, { name }] of faults.entries())
    if (name !== undefined) count(result.faults, name, fired[index]);
  await ground.world.faults([]);
  for (const one of staged) await decide(ground, one, { result, log });
}

/** Creates the uploads of a plan, or offers them, and stores their files; the events come when the plan says. */
async function stage(ground: Ground, plan: Plan, result: RealResult): Promise<Staged> {
  const { mailbox } = ground;
  const files: Stored[] = [];
  for (const [index, upload] of plan.uploads.entries()) {
    const { size, content, by, events } = upload;
    const bytes = createRandom(`${plan.issueId}/${content}`).bytes(size);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const { to, id, drop, body } = await begin(ground, {
      ...upload,
      bytes,
      sha256,
      name: `${index}.log`,
      issueId: plan.issueId,
    });
    files.push({ id, sha256, drop });
    for (const delayMs of events) mailbox.put({ to, body, delayMs });
    result.drops += by === 'drop' ? 1 : 0;
    result.requests += by === 'request' ? 1 : 0;
    count(result.faults, 'notCompleted', by === 'parts' ? 1 : 0);
    count(result.faults, 'lostEvent', events.length === 0 && by !== 'parts' ? 1 : 0);
    count(result.faults, 'repeatedEvent', Math.max(events.length - 1, 0));
  }
  return { plan, files, fates: plan.fates.slice(), ingestFates: plan.ingestFates.slice() };
}

type Beginning = Plan['uploads'][number] & { bytes: Buffer; sha256: string; issueId: string; name: string };

/** Stores a file, and answers with the message that brings it. */
async function begin(ground: Ground, { by, bytes, sha256, ...about }: Beginning) {
  if (by === 'drop' || by === 'request') {
    return { to: 'ingest' as const, ...(await ground.offer(bytes, { by, ...about })) };
  }
  const request = { issueId: about.issueId, ...(about.isHashDeclared && { sha256 }) };
  const { id } = await (by === 'parts'
    ? ground.stageParts(bytes, request)
    : ground.world.stage(bytes, request));
  const body = JSON.stringify(storageEvent({ key: stagingKey(id), bytes }));
  return { to: 'deliver' as const, id, drop: undefined, body };
}

async function decide(
  ground: Ground,
  { plan, files }: Staged,
  { result, log }: { result: RealResult; log: (line: string) => void },
): Promise<void> {
  const { world, clock, attachments, notifications, isThere } = ground;
  const held = (await attachments()).filter(({ issueId }) => issueId === plan.issueId);
  const codes: readonly string[] = plan.lasting === undefined ? [] : LASTING[plan.lasting].codes;
  const found = await Promise.all(
    files.map(async (file) => {
      const upload = await world.ledger.find(file.id);
      return upload === undefined ? [] : [{ ...file, record: readRecord(upload) }];
    }),
  );
  const exhibits = found.flat().map(({ record, sha256 }) => {
    return { record, sha256, isAccepted: true, mayFailAs: new Set(codes), mayBeNameless: false };
  });
  const neverTaken = files.length - exhibits.length;
  const { failed, findings, ...counts } = judge(exhibits, held, { nameOf: (id) => id });
  const records = exhibits.map(({ record }) => record);
  const notified = judgeNotifications({ records, messages: await notifications() }, (id) => id);
  const staged = await Promise.all(
    files.map(async ({ id }) => ((await world.isStaged(id)) ? [stagingKey(id)] : [])),
  );
  const { links, kept } = await judgeLinksOf(ground, plan, exhibits);
  const keys = [...staged.flat(), ...kept];
  const tidiness = judgeStorage({ records, keys, begun: [], now: clock.now() }, (id) => id);
  findings.push(...notified.findings, ...tidiness.findings, ...links.findings);
  if (neverTaken > 0) findings.push(`${neverTaken} offers were never taken`);
  let drops = 0;
  for (const { drop, record } of found.flat()) {
    // The drop of a failed upload rests as long as its file would.
    const isOver = isFinal(record) && record.dueAt === undefined;
    if (drop === undefined || !isOver || !(await isThere(drop))) continue;
    drops += 1;
    findings.push(`the drop of ${record.id} is left in storage: ${record.status}`);
  }
  result.uploads += files.length;
  result.delivered += counts.delivered;
  result.undecided += counts.undecided;
  result.linked += links.linked;
  result.lost += counts.lost + neverTaken + links.lost;
  result.duplicates += counts.duplicates + links.duplicates;
  result.stuck += counts.stuck;
  result.untold += notified.untold;
  result.leftovers += tidiness.leftovers + drops + links.leftovers;
  for (const [code, times] of Object.entries(failed)) count(result.failed, code, times);
  if (findings.length > 0) {
    log(`failed: ${JSON.stringify({ findings, plan, uploads: exhibits, held }, undefined, 2)}`);
  }
}

/** Follows the links of these uploads, and judges them. `kept`: the keys of the linked files. */
async function judgeLinksOf(
  ground: Ground,
  { lasting }: Plan,
  exhibits: readonly { record: UploadRecord; sha256: string }[],
) {
  const issues = new Set(exhibits.map(({ record }) => record.issueId));
  const held = (await ground.links()).filter(({ issueId }) => issues.has(issueId));
  const followed = new Map<string, string | undefined>();
  for (const { url } of held) followed.set(url, await ground.follow(url));
  const files = new Map<string, string>();
  for (const { record } of exhibits) {
    const sha256 = await ground.linkedFile(record.id);
    if (sha256 !== undefined) files.set(record.id, sha256);
  }
  const verdict = judgeLinks(
    exhibits.map(({ record, sha256 }) => {
      const isLarge = record.size > MOST_ATTACHED;
      // IPD does not take it as an attachment.
      const mayLink = isLarge || lasting === 'bodyTooLarge' || lasting === 'lostAndFull';
      const mayBeRemovedBy: ReadonlySet<string> = new Set();
      return {
        record,
        sha256,
        urls: [],
        copiesByIpd: 0,
        mayBeRemovedBy,
        mayLink,
        mustLink: isLarge,
      };
    }),
    {
      nameOf: (id) => id,
      links: held.map((link) => ({ ...link, isByPerson: false })),
      deleted: new Set(),
      followed: (url) => followed.get(url),
      files,
      reported: new Set(),
    },
  );
  return { links: verdict, kept: [...files.keys()].map(linkedKey) };
}

/** The rules of a plan for the fake IPD, which takes the first match; only the rule that is the fault has a name. */
function faultsOf(plan: Plan): { name: string | undefined; rule: object }[] {
  const transient = plan.transient
    .flatMap((name) => named(name, TRANSIENT[name].rules))
    .toSorted((a, b) => Number(a.rule.isEndless ?? false) - Number(b.rule.isEndless ?? false));
  const lasting = plan.lasting === undefined ? [] : named(plan.lasting, LASTING[plan.lasting].rules);
  return [
    ...transient.map(({ name, rule }) => ({
      name,
      rule: forIpd(plan, rule, rule.isEndless ? {} : { count: 1 }),
    })),
    ...lasting.map(({ name, rule }) => ({ name, rule: forIpd(plan, rule) })),
  ];
}

function named(name: string, rules: readonly Rule[]): { name: string | undefined; rule: Rule }[] {
  return rules.map((rule, index) => ({ name: index === 0 ? name : undefined, rule }));
}

/** Calls for a token, and downloads, are about no work item. */
function forIpd({ issueId }: Plan, { operation, skip, fault }: Rule, times: object = {}): object {
  const isAboutItem = operation === 'upload' || operation === 'list';
  return {
    match: { operation, ...(isAboutItem && { issueId }) },
    ...(skip !== undefined && { skip }),
    ...times,
    fault,
  };
}

function count(counts: Record<string, number>, name: string, by = 1): void {
  if (by > 0) counts[name] = (counts[name] ?? 0) + by;
}
