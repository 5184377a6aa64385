/**
 * IPD keeps uploads waiting for hours or days: it is down, it works off a backlog slowly, or a quota is used up; or one
 * user's files make it fail. The run reports how each upload ended, and how many requests that took.
 */
import { createHash } from 'node:crypto';
import { quietProfile } from './faults.ts';
import { createRandom } from './random.ts';
import type { Random } from './random.ts';
import { createPlatform } from './platform.ts';
import { judge } from './oracle.ts';
import type { Verdict } from './oracle.ts';
import { issueIdOf, plainPlan, play } from './users.ts';
import type { IpdCall, Rule } from './wire.ts';
import { createWorld } from './world.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

export type Trial = {
  seed: number;
  uploads: number;
  /** The time within which the uploads are created; or, per upload, when it is created. */
  withinMs: number;
  createAt?: (index: number) => number;
  /** The rule for a request so long after the start. */
  rule: (elapsedMs: number, call: Call, random: Random) => Rule | undefined;
  /** The owner of each upload; by default each upload has another owner. Each has a work item of its own. */
  ownerOf?: (index: number) => string;
  settings?: Record<string, string>;
  /** The run ends after this time, even with unfinished uploads. */
  horizonMs: number;
};

/** A request, and the owner of the work item that it names, if it names one. */
type Call = IpdCall & { owner: string | undefined };

export type Ending = {
  owner: string;
  status: string;
  code: string | undefined;
  detail: string | undefined;
  /** From the time when it was staged to its end. */
  afterMs: number;
};

export type Patience = Verdict & {
  endings: Ending[];
  requests: Record<string, number>;
  tookMs: number;
};

/** Runs the trial to its end. */
export async function playPatience(trial: Trial): Promise<Patience> {
  const { seed, uploads, withinMs, rule, ownerOf = (index) => `user ${index}`, horizonMs } = trial;
  const owners = new Map(Array.from({ length: uploads }, (_, index) => [issueIdOf(index), ownerOf(index)]));
  const random = createRandom(`${seed}/patience`);
  const world = createWorld({
    random,
    profile: quietProfile,
    uploadDeadlineHours: 24,
    pageSize: 1000,
    settings: { FAILED_RETENTION_DAYS: '7', PREFLIGHT: 'off', ...trial.settings },
  });
  const { time } = world;
  world.faults.stop();
  const platform = createPlatform(world);
  const start = time.now();
  const requests: Record<string, number> = {};
  world.rules.of = (call) => {
    requests[call.operation] = (requests[call.operation] ?? 0) + 1;
    return rule(time.now() - start, { ...call, owner: owners.get(call.issueId ?? '') }, random);
  };

  const hashes = new Map<string | undefined, string>();
  const stories = Array.from({ length: uploads }, (_, index) => {
    const bytes = Buffer.from(`${index} ${random.uuid()}`.padEnd(random.int(50, 190)));
    hashes.set(`f${index}`, createHash('sha256').update(bytes).digest('hex'));
    return play(
      {
        ...plainPlan,
        owner: ownerOf(index),
        issueId: issueIdOf(index),
        filename: `f${index}`,
        bytes,
        createAt: trial.createAt?.(index) ?? random.int(0, withinMs),
      },
      { world, platform },
    );
  });
  // To read all records at each step would take longer than the rest of the run.
  let checkedAt = start;
  await time.run(() => {
    if (time.now() >= start + horizonMs) return true;
    if (time.now() < checkedAt + MINUTE_MS || !platform.isIdle() || !world.queue.isEmpty()) return false;
    checkedAt = time.now();
    if (stories.some(({ isOver }) => !isOver)) return false;
    return world.records().every(({ status }) => status === 'delivered' || status === 'failed');
  });

  const records = world.records();
  const endings = records.map(({ owner, status, lastError, deliveredAt, stagedAt = 0 }) => ({
    owner,
    status,
    code: lastError?.code,
    detail: lastError?.detail,
    afterMs: (deliveredAt ?? lastError?.at ?? 0) - stagedAt,
  }));
  const exhibits = records.map((record) => ({
    record,
    sha256: hashes.get(record.filename) ?? '',
    isAccepted: true,
    mayFailAs: new Set<string>(),
    mayBeNameless: false,
  }));
  return {
    ...judge(exhibits, world.ipd.admin.attachments(), world.trace),
    endings,
    requests,
    tookMs: time.now() - start,
  };
}

/** IPD is out for this many hours after the start; each request fails in a way chosen at random. */
export function outageOf(hours: number): Trial['rule'] {
  return (elapsedMs, _call, random) =>
    elapsedMs < hours * HOUR_MS ? random.pick(['unreachable', 'deaf', 'badGateway']) : undefined;
}

/** What an upload that such an outage has ended gives as its reason: what its last attempt met, or why it had none. */
export const OUTAGE_AS_REASON =
  /^IPD did not (take the file\. .+|answer, or did not accept our credentials, so all deliveries waited\. IPD failed, or did not answer)$/;

/** The account's quota of uploads a day; once it is used up, IPD answers with the time until the day ends. */
export function dailyQuotaOf(uploads: number): Trial['rule'] {
  const DAY = 24 * HOUR_MS;
  const usedOf = new Map<number, number>();
  return (elapsedMs, { operation }) => {
    if (operation !== 'upload') return undefined;
    const day = Math.floor(elapsedMs / DAY);
    const used = usedOf.get(day) ?? 0;
    usedOf.set(day, used + 1);
    if (used < uploads) return undefined;
    return { kind: 'throttled', retryAfterSeconds: Math.ceil(((day + 1) * DAY - elapsedMs) / SECOND_MS) };
  };
}

/** A backlog from an outage of so many hours, at a rate that needs longer to work it off; some attempts fail. */
export function backlogOf(options: { seed: number; uploads: number; outageHours: number }): Trial {
  const { outageHours, ...rest } = options;
  return {
    ...rest,
    withinMs: outageHours * HOUR_MS,
    settings: { IPD_RATE: '1' },
    horizonMs: (outageHours + 4 * (options.uploads / 60)) * HOUR_MS + 24 * HOUR_MS,
    rule: (elapsedMs, { operation }, random) => {
      if (elapsedMs < outageHours * HOUR_MS) return 'unreachable';
      return operation === 'upload' && random.chance(0.2) ? 'iamUnavailable' : undefined;
    },
  };
}

/** The user whose files break every upload of theirs. */
export const POISONER = 'user 0';
const POISON = { uploads: 5, victims: 17 };

/** 5 uploads of the poisoner within seconds, then 17 of others within a minute; with or without the poison. */
export function poisonOf({ seed, isPoisoned }: { seed: number; isPoisoned: boolean }): Trial {
  return {
    seed,
    uploads: POISON.uploads + POISON.victims,
    withinMs: 0,
    createAt: (index) => (index < POISON.uploads ? index * 500 : 10_000 + index * 3000),
    ownerOf: (index) => (index < POISON.uploads ? POISONER : `user ${index}`),
    rule: (_elapsedMs, { operation, owner }) =>
      isPoisoned && operation === 'upload' && owner === POISONER
        ? { kind: 'gatewayTimeout', stored: false }
        : undefined,
    horizonMs: 30 * MINUTE_MS,
  };
}
