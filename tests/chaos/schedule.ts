/**
 * One schedule: a world drawn from a seed, its faults until they stop, then time until no work is left, and the
 * oracle's verdict. The same seed gives the same trace.
 */
import { createRandom } from './random.ts';
import type { Random } from './random.ts';
import { drawProfile } from './faults.ts';
import type { FaultKind, Profile } from './faults.ts';
import { createPlatform } from './platform.ts';
import { drawOfferings, produce } from './producers.ts';
import { drawPlans, issueIdOf, play, projectId, readInTheEnd } from './users.ts';
import type { UploadRecord } from './oracle-reading.ts';
import { judgeWorld } from './verdict.ts';
import type { WholeVerdict } from './verdict.ts';
import { createWorld } from './world.ts';
import type { Linking, Missing, World } from './world.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';

export type ScheduleOptions = {
  seed: number;
  index: number;
  /** Faults to leave out: `death`, or `death#2` for its second occurrence alone. */
  without?: ReadonlySet<string>;
  missing?: Missing | undefined;
};

export type Outcome = WholeVerdict & {
  faults: Map<FaultKind, number>;
  /** How often each kind was drawn, left out or not. */
  drawn: Map<FaultKind, number>;
  trace: string;
  lines: () => string[];
};
/** The run ends so long after the last fault, at the latest. */
const PATIENCE_MS = 48 * HOUR_MS;

/** The retry window of schedules in which IPD is out for longer than that. */
const OUTAGE_WINDOW_MS = HOUR_MS;
/** An operator looks at the dead letters of producers so long after the last fault. */
const REDRIVE_MS = HOUR_MS;
/** The product goes on being faulty for so long after an outage. */
const AFTER_OUTAGE_MS = 10 * MINUTE_MS;

const ATTEMPT_SURVIVES: ReadonlySet<FaultKind> = new Set([
  'clockJump',
  'ledgerAnswerLost',
  'indexStale',
  'eventLost',
  'eventDuplicated',
  'eventDelayed',
  'queueError',
  'queueAnswerLost',
  'messageDuplicated',
  'messageReordered',
  'sweepSkipped',
  'notificationError',
  'notificationAnswerLost',
]);

/** True when the schedule has a defect. */
export function isBroken({ findings }: Outcome): boolean {
  return findings.length > 0;
}

/** Runs a schedule to its end. */
export async function runSchedule({ seed, index, without, missing }: ScheduleOptions): Promise<Outcome> {
  const random = createRandom(`${seed}/${index}`);
  const drawn = drawProfile(random.fork('profile'));
  const outageMs = drawOutage(random.fork('outage'));
  const profile = outageMs === 0 ? drawn : withOutage(drawn, outageMs);
  const isIngesting = random.fork('producers').chance(0.4);
  // An upload waits as long for its scan as for IPD.
  const isScanned = random.fork('scan').chance(outageMs > 0 ? 0 : 0.15);
  // With a scan that never comes, each of a row of offers would wait for a whole retry window.
  const hasRoom = isScanned || !random.fork('room').chance(0.15);
  const linking = drawLinking(random.fork('links'));
  const settings = {
    ...(outageMs > 0 && { RETRY_WINDOW_HOURS: String(OUTAGE_WINDOW_MS / HOUR_MS) }),
    ...(!hasRoom && { INGEST_MAX_OPEN: '1' }),
  };
  const world = createWorld({
    random: random.fork('world'),
    profile,
    missing,
    isExpiryPrompt: random.fork('expiry').chance(0.5),
    isRollingOut: random.fork('rollout').chance(0.3),
    isScanned,
    // The name of a stream is part of its seed: another name would draw other schedules.
    uploadsPerMinute: random.fork('allowance').chance(0.1) ? 2 : 1000, // cspell:disable-line
    ...(without && { without }),
    ...(isIngesting && { ingestProject: projectId }),
    linking,
    settings,
  });
  const { time, faults, trace } = world;
  if (linking?.shown !== undefined) {
    for (const issueId of [0, 1].map(issueIdOf)) world.people.addLink({ projectId, issueId });
  }
  const plans = drawPlans(random.fork('plans'), faults, { isLinking: linking !== undefined });
  const platform = createPlatform(world);
  const stories = plans.map((plan) => play(plan, { world, platform }));
  const files = plans.map(({ bytes }) => bytes);
  const offerings = isIngesting ? drawOfferings(random.fork('offerings'), faults, files) : [];
  const producing = offerings.map((offering) => produce(offering, world));
  const fullFrom = time.now() + random.int(0, 10) * 6_000;
  const fullIssue = issueIdOf(0);
  if (profile.isListFull) {
    world.rules.of = ({ operation, issueId }) =>
      operation === 'list' && issueId === fullIssue && time.now() >= fullFrom ? 'listOf' : undefined;
  }
  const backAt = time.now() + outageMs;
  if (outageMs > 0) world.rules.of = () => (time.now() < backAt ? 'unreachable' : undefined);
  time.after(profile.durationMs, () => {
    faults.stop();
    trace.note('world', 'is quiet now');
  });
  time.after(random.fork('operator').int(0, 8 * HOUR_MS), world.ingestQueue.redrive);
  let isRedriven = false;
  time.after(profile.durationMs + REDRIVE_MS, () => {
    world.ingestQueue.redrive();
    isRedriven = true;
  });

  const quietFrom = time.now() + profile.durationMs;
  const horizon = quietFrom + PATIENCE_MS;
  await time.run(
    () =>
      time.now() >= horizon ||
      (faults.isStopped() &&
        (isRedriven || world.ingestQueue.dead.length === 0) &&
        isAtRest(world, [...stories, ...producing], platform.isIdle())),
  );

  const followings = await readInTheEnd(stories, { world, platform });
  return outcomeOf(world, judgeWorld(world, stories, { quietFrom, followings }));
}

/** Where files end in links, and which; mostly they do not. With one row, the list hides every link of the product's. */
function drawLinking(random: Random): Linking | undefined {
  if (!random.chance(0.4)) return undefined;
  return {
    most: random.pick([100, 600, 1500]),
    days: random.pick([1, 365, 365]),
    isCommented: random.chance(0.25),
    answer: random.pick(['docs', 'sdk']),
    areEqualRefused: random.chance(0.5),
    ...(random.chance(0.05) && { shown: 1 }),
  };
}

/** How long IPD is out from the beginning; mostly not at all. */
function drawOutage(random: Random): number {
  return random.chance(0.05) ? OUTAGE_WINDOW_MS + random.int(1, 240) * MINUTE_MS : 0;
}

/** No other fault makes an attempt fail, so that the outage alone could use up the retry window. */
function withOutage(profile: Profile, outageMs: number): Profile {
  return {
    ...profile,
    rates: new Map([...profile.rates].filter(([kind]) => ATTEMPT_SURVIVES.has(kind))),
    ipdRate: 0,
    lastingRate: 0,
    isListFull: false,
    durationMs: outageMs + AFTER_OUTAGE_MS,
  };
}

/** A verdict, with how it came to that. */
export function outcomeOf({ faults, trace }: World, verdict: WholeVerdict): Outcome {
  return {
    ...verdict,
    faults: faults.counts,
    drawn: faults.drawn,
    trace: trace.hash(),
    lines: trace.lines,
  };
}

/** No work is running or due, except the removal of failed uploads' files and the ends of links, which are days away. */
export function isAtRest(world: World, stories: readonly { isOver: boolean }[], isIdle: boolean): boolean {
  const { queue, ingestQueue, ingestedQueue, documents, time } = world;
  const isQueued = [queue, ingestQueue, ingestedQueue].some(({ isEmpty }) => !isEmpty());
  if (!isIdle || isQueued || !stories.every(({ isOver }) => isOver) || !areDropsTaken(world)) return false;
  return documents.due().every(({ status, notification, keepUntil, link, dueAt }) => {
    if (notification !== undefined) return false;
    const end = status === 'failed' ? keepUntil : Object(link).expiresAt;
    const isKept = status === 'failed' || (status === 'delivered' && dueAt === end);
    return isKept && Date.parse(String(end)) > time.now() + 2 * PATIENCE_MS;
  });
}

/** A drop that was refused, or failed, rests until it is put again; so does what is no drop. */
function areDropsTaken({ objects, records }: World): boolean {
  return objects.under('ingest/').every(({ key, etag, putAt }) => {
    // Storage tells the time of an object in whole seconds.
    const offer = Math.floor(putAt / 1000) * 1000;
    const isOwn = ({ source }: UploadRecord): boolean =>
      source?.kind === 'drop' &&
      source.key === key &&
      source.etag === etag &&
      Date.parse(source.offer) >= offer;
    return key.endsWith('/') || records().some((one) => isOwn(one) && one.status === 'failed');
  });
}
