/**
 * IPD is down for hours while uploads go on arriving; then it is back, and no operator helps. The run reports how long
 * it takes until all uploads are delivered, and how many requests IPD gets after it is back.
 */
import { quietProfile } from './faults.ts';
import { createRandom } from './random.ts';
import { createPlatform } from './platform.ts';
import { judge } from './oracle.ts';
import { peak } from './oracle-effort.ts';
import type { Verdict } from './oracle.ts';
import { issueIdOf, plainPlan, play } from './users.ts';
import { createWorld } from './world.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

/** A work item's list shows a hundred. */
const WORK_ITEMS = 40;

export type Outage = Verdict & {
  /** The most requests of any kind in any minute after the recovery: a delivery takes two, a check and the upload. */
  peakPerMinute: number;
  /** The deliveries that the settings allow in a minute. */
  ratePerMinute: number;
  /** From the recovery to the last delivery. */
  recoveredInMinutes: number;
  seed: number;
};

/** Plays the outage to its end. */
export async function playOutage({
  seed,
  uploads,
  hours,
}: {
  seed: number;
  uploads: number;
  hours: number;
}): Promise<Outage> {
  const random = createRandom(`${seed}/outage`);
  const world = createWorld({
    random,
    profile: quietProfile,
    uploadDeadlineHours: 24,
    pageSize: 100,
  });
  const { time, faults, config } = world;
  faults.stop();
  const platform = createPlatform(world);
  const backAt = time.now() + hours * HOUR_MS;
  const requests: number[] = [];
  world.rules.of = () => {
    if (time.now() < backAt) return random.pick(['unreachable', 'deaf', 'badGateway']);
    requests.push(time.now());
    return undefined;
  };

  const stories = Array.from({ length: uploads }, (_, index) =>
    play(
      {
        ...plainPlan,
        issueId: issueIdOf(index % WORK_ITEMS),
        filename: `photo ${index}.jpg`,
        bytes: Buffer.concat([Buffer.from(`${index} `), random.bytes(random.int(20, 200))]),
        isDeclared: random.chance(0.5),
        mode: 'auto',
        createAt: random.int(0, hours * HOUR_MS - MINUTE_MS),
        putAfter: [random.int(SECOND_MS, 30 * SECOND_MS)],
      },
      { world, platform },
    ),
  );
  const horizon = backAt + 48 * HOUR_MS;
  const isDone = (): boolean =>
    platform.isIdle() && world.queue.isEmpty() && world.documents.due().length === 0;
  await time.run(() => time.now() >= horizon || (time.now() > backAt && isDone()));

  const storyOf = new Map(stories.map((story) => [story.uploadId, story]));
  const records = world.records();
  const exhibits = records.map((record) => {
    const sha256 = storyOf.get(record.id)?.sha256 ?? '';
    return { record, sha256, isAccepted: true, mayFailAs: new Set<string>(), mayBeNameless: false };
  });
  const ends = records.map(({ deliveredAt = Infinity }) => deliveredAt);
  return {
    ...judge(exhibits, world.ipd.admin.attachments(), world.trace),
    peakPerMinute: peak(requests),
    ratePerMinute: config.deliveriesPerMinute,
    recoveredInMinutes: Math.ceil((Math.max(...ends) - backAt) / MINUTE_MS),
    seed,
  };
}
