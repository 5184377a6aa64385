/**
 * One schedule: a world drawn from a seed, its faults until they stop, then time until no work is left, and the
 * oracle's verdict. The same seed gives the same trace.
 */
import { stagingKey } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { createRandom } from './random.ts';
import { drawProfile } from './faults.ts';
import type { FaultKind } from './faults.ts';
import { createPlatform } from './platform.ts';
import { judge } from './oracle.ts';
import { judgeNotifications, judgeStorage } from './oracle-at-rest.ts';
import type { Verdict } from './oracle.ts';
import { drawPlans, issueIdOf, play } from './users.ts';
import type { Story } from './users.ts';
import { createWorld } from './world.ts';
import type { Missing, World } from './world.ts';
import { HOUR_MS } from '../../lib/domain/units.ts';

export type ScheduleOptions = {
  seed: number;
  index: number;
  /** Faults to leave out: `death`, or `death#2` for its second occurrence alone. */
  without?: ReadonlySet<string>;
  missing?: Missing | undefined;
};

export type Outcome = Verdict & {
  /** Uploads without a notification of their end. */
  untold: number;
  /** Files and parts in storage that no upload needs. */
  leftovers: number;
  faults: Map<FaultKind, number>;
  /** How often each kind was drawn, left out or not. */
  drawn: Map<FaultKind, number>;
  trace: string;
  lines: () => string[];
};
/** An upload that is not final this long after the last fault is stuck. */
const PATIENCE_MS = 48 * HOUR_MS;

/** True when the schedule has a defect. */
export function isBroken({ lost, duplicates, stuck, untold, leftovers, findings }: Outcome): boolean {
  return lost + duplicates + stuck + untold + leftovers + findings.length > 0;
}

/** Runs a schedule to its end. */
export async function runSchedule({ seed, index, without, missing }: ScheduleOptions): Promise<Outcome> {
  const random = createRandom(`${seed}/${index}`);
  const profile = drawProfile(random.fork('profile'));
  const world = createWorld({
    random: random.fork('world'),
    profile,
    missing,
    // The name of a stream is part of its seed: another name would draw other schedules.
    uploadsPerMinute: random.fork('allowance').chance(0.1) ? 2 : 1000, // cspell:disable-line
    ...(without && { without }),
  });
  const { time, faults, trace } = world;
  const plans = drawPlans(random.fork('plans'), faults);
  const platform = createPlatform(world);
  const stories = plans.map((plan) => play(plan, { world, platform }));
  const fullFrom = time.now() + random.int(0, 10) * 6_000;
  const fullIssue = issueIdOf(0);
  if (profile.isListFull) {
    world.rules.of = ({ operation, issueId }) =>
      operation === 'list' && issueId === fullIssue && time.now() >= fullFrom ? 'listOf' : undefined;
  }
  time.after(profile.durationMs, () => {
    faults.stop();
    trace.note('world', 'is quiet now');
  });

  const horizon = time.now() + profile.durationMs + PATIENCE_MS;
  await time.run(
    () => time.now() >= horizon || (faults.isStopped() && isAtRest(world, stories, platform.isIdle())),
  );

  const isCrowded = ({ issueId }: Upload): boolean => profile.isListFull && issueId === fullIssue;
  return conclude(world, stories, isCrowded);
}

/** The verdict on a world at rest. `isCrowded`: the upload's work item shows a full list. */
export function conclude(
  world: World,
  stories: readonly Story[],
  isCrowded: (upload: Upload) => boolean,
): Outcome {
  const { time, trace, faults } = world;
  const storyOf = new Map(stories.map((story) => [story.uploadId, story]));
  const uploads = world.uploads();
  const exhibits = uploads.map((upload) => {
    const story = storyOf.get(upload.id);
    // A user whose call of IPD's own route got no answer does not know the upload, but storage has its file.
    const given = world.given.get(stagingKey(upload.id));
    return {
      upload,
      sha256: story?.sha256 ?? given ?? '',
      isAccepted: story?.isPut === true || given !== undefined,
      isExcused: world.refused.has(upload.id) || isCrowded(upload),
    };
  });
  const { people } = world;
  const verdict = judge(exhibits, { present: people.ours(), deleted: people.deleted() }, trace.nameOf);
  const undecided = uploads.filter(
    (upload) => upload.lastError?.code === 'outcome_unknown' && !isCrowded(upload),
  );
  verdict.findings.push(...undecided.map(({ id }) => `${trace.nameOf(id)} is undecided without a full list`));
  verdict.findings.push(...world.surprises);
  const tooLong = uploads.filter(
    ({ id, status }) => status === 'delivered' && storyOf.get(id)?.plan.isTooLong,
  );
  verdict.findings.push(...tooLong.map(({ id }) => `${trace.nameOf(id)} is longer than its session allows`));
  const { topic, endings, objects, strays } = world;
  const notified = judgeNotifications({ uploads, messages: topic.messages, endings }, trace.nameOf);
  const tidiness = judgeStorage(
    { uploads, keys: objects.keys(), strays, begun: objects.begun(), now: time.now() },
    trace.nameOf,
  );
  verdict.findings.push(...notified.findings, ...tidiness.findings);
  const { untold } = notified;
  const { leftovers } = tidiness;
  return {
    ...verdict,
    untold,
    leftovers,
    faults: faults.counts,
    drawn: faults.drawn,
    trace: trace.hash(),
    lines: trace.lines,
  };
}

/** No work is running or due, except the removal of failed uploads' files, which is days away. */
export function isAtRest(
  { queue, documents, time }: World,
  stories: readonly Story[],
  isIdle: boolean,
): boolean {
  if (!isIdle || !queue.isEmpty() || !stories.every(({ isOver }) => isOver)) return false;
  return documents.due().every(({ status, notification, keepUntil }) => {
    const isKept = status === 'failed' && notification === undefined;
    return isKept && Date.parse(String(keepUntil)) > time.now() + 2 * PATIENCE_MS;
  });
}
