/** Each rule of the oracle finds a product that lacks what the rule demands, and none finds anything in the product. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createPlatform } from './platform.ts';
import { quietProfile } from './faults.ts';
import type { Profile } from './faults.ts';
import { dropOf, produce, requestOf } from './producers.ts';
import type { Offering } from './producers.ts';
import { createRandom } from './random.ts';
import { runSchedule } from './schedule.ts';
import { issueIdOf, plainPlan, play, projectId, readInTheEnd } from './users.ts';
import type { Plan } from './users.ts';
import { judgeWorld } from './verdict.ts';
import type { IpdCall, Rule } from './wire.ts';
import { createWorld } from './world.ts';
import type { Linking, Missing } from './world.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';

const SCHEDULES = 40;
/** The findings of random schedules, up to the first that is as expected. */
async function findIn(missing: Missing, expected: RegExp): Promise<string[]> {
  const findings: string[] = [];
  for (let index = 0; index < SCHEDULES; index += 1) {
    const outcome = await runSchedule({ seed: 1, index, missing });
    findings.push(...outcome.findings);
    if (outcome.findings.some((words) => expected.test(words))) break;
  }
  return findings;
}

type Small = {
  plans: Partial<Plan>[];
  offerings?: Offering[];
  /** Each message comes twice at the same moment. */
  isDoubled?: boolean;
  rates?: Profile['rates'];
  rule?: (elapsedMs: number, call: IpdCall) => Rule | undefined;
  settings?: Record<string, string>;
  linking?: Linking;
  /** When IPD is well again. */
  quietAfterMs?: number;
  hours: number;
  copiesByIpd?: number;
};

/** The findings in a small world without randomness, but for the delays. */
async function judgeSmall(small: Small, missing?: Missing): Promise<string[]> {
  const { plans, rule, settings = {}, quietAfterMs = 0, hours, copiesByIpd = 0 } = small;
  const random = createRandom('oracle');
  const world = createWorld({
    random,
    profile: { ...quietProfile, ...(small.rates && { rates: small.rates }) },
    missing,
    uploadDeadlineHours: 24,
    pageSize: 100,
    isDoubled: small.isDoubled,
    ...(small.offerings && { ingestProject: projectId }),
    linking: small.linking,
    settings: { PREFLIGHT: 'off', ...settings },
  });
  const { time } = world;
  if (small.rates === undefined) world.faults.stop();
  const start = time.now();
  world.rules.of = (call) => rule?.(time.now() - start, call);
  const platform = createPlatform(world);
  const stories = plans.map((plan, index) =>
    play(
      {
        owner: `user ${index}`,
        issueId: issueIdOf(index),
        bytes: random.bytes(100 + index),
        ...plainPlan,
        ...plan,
      },
      { world, platform },
    ),
  );
  for (const offering of small.offerings ?? []) produce(offering, world);
  await time.run(() => time.now() >= start + hours * HOUR_MS);
  const followings = await readInTheEnd(stories, { world, platform });
  const quietFrom = start + quietAfterMs;
  const { findings } = judgeWorld(world, stories, { quietFrom, followings, copiesByIpd });
  return findings;
}

describe('the oracle finds, in random schedules, a product without', () => {
  it.each<[Missing, RegExp]>([
    // One copy, never lost.
    ['reconciliation', /copies too many, which IPD did not make/],
    ['fence', /copies .* are named by no upload/],
    ['wrongDuplicates', /names a duplicate that is none/],
    ['cancellation', /and the API said that it is cancelled/],
    ['openness', /is delivered, and the API shows delivered/],
    ['reasons', /ended as failed too_large_for_ipd/],
    ['refusals', /though IPD's last word was/],
    // Every state ends in its time.
    ['sweep', /is stuck in/],
    ['expiry', /left awaiting_upload \d+ s too late/],
    ['leaseEnd', /left delivering \d+ s too late/],
    ['requests', /left (?:waiting|staged|unconfirmed) \d+ s too late/],
    ['arrivals', /noticed its file \d+ s too late/],
    ['notifications', /no notification says/],
    ['promptNotifications', /was notified as delivered \d+ s too late/],
    ['waiting', /has not waited for Publish/],
    ['removal', /is left in storage/],
    ['promptRemoval', /lost its file in storage \d+ s too late/],
    // Bounded effort.
    ['restraint', /asked IPD \d+ times for list in one run/],
    ['backoff', /began \d+ attempts/],
  ])('%s: %s', async (missing, expected) => {
    expect(await findIn(missing, expected)).toContainEqual(expect.stringMatching(expected));
  });
});

const worlds: { missing: Missing; expected: RegExp; small: Small }[] = [
  {
    // The first of two equal files has read the list, and waits when the second one is attached.
    missing: 'claims',
    expected: /is delivered as another upload's attachment/,
    small: {
      plans: [0, MINUTE_MS].map((createAt) => ({
        createAt,
        issueId: issueIdOf(0),
        bytes: Buffer.from('equal bytes'),
      })),
      rule: (elapsedMs, { operation }) =>
        operation === 'upload' && elapsedMs < MINUTE_MS
          ? { kind: 'throttled', retryAfterSeconds: 300 }
          : undefined,
      hours: 2,
    },
  },
  {
    // IPD stores a request after its commit window, when the file has been sent again.
    missing: 'duplicates',
    expected: /copies of 100 bytes are named by no upload/,
    small: {
      plans: [{}],
      rule: (elapsedMs, { operation }) =>
        operation === 'upload' && elapsedMs < MINUTE_MS
          ? { kind: 'storedLater', afterSeconds: 1200, answer: 'reset' }
          : undefined,
      hours: 2,
      copiesByIpd: 1,
    },
  },
  {
    // IPD got the file, did not store it and did not answer.
    missing: 'absences',
    expected: /checked more than 3 times/,
    small: {
      plans: [{}],
      rule: (elapsedMs, { operation }) =>
        operation === 'upload' && elapsedMs < MINUTE_MS ? { kind: 'reset', stored: false } : undefined,
      hours: 2,
    },
  },
  {
    // An hour's uploads are due when IPD is back.
    missing: 'pacing',
    expected: /IPD was asked \d+ times within a minute/,
    small: {
      plans: Array.from({ length: 60 }, (_, index) => ({ createAt: index * MINUTE_MS })),
      rule: (elapsedMs) => (elapsedMs < HOUR_MS ? 'unreachable' : undefined),
      settings: { IPD_RATE: '5' },
      quietAfterMs: HOUR_MS,
      hours: 6,
    },
  },
  {
    // Uploads that await their files, of which a few are due at a time.
    missing: 'thrift',
    expected: /sweeps read \d+ items for \d+ due records/,
    small: {
      plans: Array.from({ length: 40 }, (_, index) => ({ createAt: index * MINUTE_MS, putAfter: [] })),
      hours: 28,
    },
  },
];

describe('the oracle finds, in a world made for it, a product without', () => {
  it.each(worlds)('$missing: $expected', async ({ missing, expected, small }) => {
    expect(await judgeSmall(small, missing)).toContainEqual(expect.stringMatching(expected));
  });

  it.each(worlds)('and finds nothing there in the product itself: $missing', async ({ small }) => {
    expect(await judgeSmall(small)).toEqual([]);
  });
});

const file = Buffer.from('a file of some bytes');
const putTwice = dropOf(file, { steps: [{ act: 'again', afterMs: 30 * MINUTE_MS }] });
const ofProducers: { missing: Missing; expected: RegExp; small: Small }[] = [
  {
    // Two functions get the event at the same moment.
    missing: 'identity',
    expected: /crash\.log became 2 uploads/,
    small: { plans: [], offerings: [dropOf(file)], isDoubled: true, hours: 2 },
  },
  {
    missing: 'recordedCopies',
    expected: /was removed, and no copy was recorded/,
    small: { plans: [], offerings: [dropOf(file)], hours: 2 },
  },
  {
    missing: 'notifications',
    expected: /nothing was said after the offer/,
    small: { plans: [], offerings: [dropOf(file)], hours: 2 },
  },
  {
    missing: 'replays',
    expected: /no notification says that it is a replay/,
    small: { plans: [], offerings: [putTwice], hours: 2 },
  },
  {
    missing: 'exactCopies',
    expected: /is delivered as something else/,
    small: { plans: [], offerings: [dropOf(file)], hours: 2 },
  },
  {
    missing: 'listings',
    expected: /crash\.log was never taken/,
    small: { plans: [], offerings: [dropOf(file)], rates: new Map([['eventLost', 1]]), hours: 2 },
  },
  {
    missing: 'removal',
    expected: /is delivered, and its drop is there/,
    small: { plans: [], offerings: [dropOf(file)], hours: 2 },
  },
];

describe('the oracle of ingestion finds a product without', () => {
  it.each(ofProducers)('$missing: $expected', async ({ missing, expected, small }) => {
    expect(await judgeSmall(small, missing)).toContainEqual(expect.stringMatching(expected));
  });

  it.each(ofProducers)('and finds nothing there in the product itself: $missing', async ({ small }) => {
    expect(await judgeSmall(small)).toEqual([]);
  });
});

const linking: Linking = { most: 50, days: 365 };
const takenBack: Partial<Plan> = {
  link: { removeLinkAfter: [20 * MINUTE_MS], removeLinkByOperatorAfter: [], reads: [] },
};
/** The answer to the first request for a link is lost. */
const loseFirstLink = (elapsedMs: number, { operation }: IpdCall): Rule | undefined =>
  operation === 'linkCreate' && elapsedMs < MINUTE_MS ? { kind: 'lostAnswer' } : undefined;
const ofLinks: { missing: Missing; expected: RegExp; small: Small }[] = [
  {
    missing: 'linkChecks',
    expected: /has 1 links too many/,
    small: { plans: [{}], linking, rule: loseFirstLink, hours: 2 },
  },
  {
    missing: 'linkDeletion',
    expected: /is removed, and 1 of its links are not/,
    small: { plans: [takenBack], linking, hours: 40 },
  },
  {
    missing: 'linkedRemoval',
    expected: /the linked file of u\d+ is left/,
    small: { plans: [takenBack], linking, hours: 2 },
  },
  {
    missing: 'exactLinks',
    expected: /is delivered as a link that does not lead to its file/,
    small: { plans: [{}], linking, hours: 2 },
  },
  {
    missing: 'taking',
    expected: /is delivered, and the API said that it is removed/,
    small: { plans: [takenBack], linking, hours: 2 },
  },
  {
    missing: 'taking',
    expected: /left delivered \d+ s too late/,
    small: { plans: [{}], linking: { ...linking, days: 1 }, hours: 30 },
  },
];

describe('the oracle of links finds a product without', () => {
  it.each(ofLinks)('$missing: $expected', async ({ missing, expected, small }) => {
    expect(await judgeSmall(small, missing)).toContainEqual(expect.stringMatching(expected));
  });

  it.each(ofLinks)('and finds nothing there in the product itself: $missing', async ({ small }) => {
    expect(await judgeSmall(small)).toEqual([]);
  });
});

describe('the oracle', () => {
  it.each(['unreachable', 'signatureFailed', 'keyLocked'] as const)(
    'lets one upload ask for hours whether IPD is back: %s',
    async (fault) => {
      const rule = (elapsedMs: number) => (elapsedMs < 8 * HOUR_MS ? fault : undefined);

      expect(await judgeSmall({ plans: [{}], rule, quietAfterMs: 8 * HOUR_MS, hours: 12 })).toEqual([]);
    },
  );

  it('lets one upload wait for hours while IPD throttles, and not hurry', async () => {
    const rule = (elapsedMs: number) => (elapsedMs < 8 * HOUR_MS ? ('serviceThrottled' as const) : undefined);
    const small = { plans: [{}], rule, quietAfterMs: 8 * HOUR_MS, hours: 12 };

    expect(await judgeSmall(small)).toEqual([]);
    expect(await judgeSmall(small, 'backoff')).toContainEqual(
      expect.stringMatching(/was throttled in \d+ attempts/),
    );
  });

  it('does not ask for another try of what was not there when it was offered again', async () => {
    const offered = requestOf(file);
    const small = {
      plans: [],
      offerings: [
        {
          ...offered,
          steps: [
            { act: 'remove' as const, afterMs: 20 * MINUTE_MS },
            { act: 'send' as const, body: offered.body ?? '', afterMs: 30 * MINUTE_MS },
            { act: 'again' as const, afterMs: 40 * MINUTE_MS },
          ],
        },
      ],
      rule: (_elapsedMs: number, { operation }: IpdCall) =>
        operation === 'list' ? ('projectMissing' as const) : undefined,
      quietAfterMs: 2 * HOUR_MS,
      hours: 2,
    };

    expect(await judgeSmall(small)).toEqual([]);
  });

  it('shares no code with the product', () => {
    const sources = readdirSync(import.meta.dirname)
      .filter((name) => /^(?:oracle|verdict|chronicle)[a-z-]*\.ts$/.test(name))
      .map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'));

    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) expect(source).not.toMatch(/from '[./]*\/(?:lib|functions|client|cli)\//);
  });
});
