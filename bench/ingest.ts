/**
 * Do ten thousand drops make a person wait? A person stages a file every second, with and without drops that are all put
 * at once: small ones, and some that IPD takes long for. And how long do the drops take, while people wait and while
 * they do not? On virtual time, so the figures are those of queues, slots and limits, and not of this machine.
 */
import { MINUTE_MS, SECOND_MS } from '../lib/domain/units.ts';
import { play } from './ingest-scene.ts';
import type { Played, Scene } from './ingest-scene.ts';
import type { Course } from './ingest-world.ts';
import { median, quantile } from './report.ts';
import type { Bench, Figures, Options, Row } from './report.ts';

/** As in the bench `drain`. */
const UPLOADS_PER_SECOND = 20;
/** IPD_RATE is what IPD takes, and DELIVERY_CONCURRENCY is the template's. */
const SETTINGS = {
  uploadsPerSecond: UPLOADS_PER_SECOND,
  deliveriesPerMinute: 60 * UPLOADS_PER_SECOND,
  concurrency: 5,
};
const SLOT_MS = MINUTE_MS / SETTINGS.deliveriesPerMinute;
const DROPS = 10_000;
/** Some 40 MiB at 4 MiB/s: five deliveries at once bring less than the rate allows, so that a queue grows. */
const LARGE = { drops: 300, dropMs: 10 * SECOND_MS };
const PERSON_MS = 10 * MINUTE_MS;
const BACKLOG = 2_000;

type SceneName = keyof ReturnType<typeof scenes>;

/** The scenes of a round: `drops` of them are put at once. */
export function scenes({ drops = DROPS, large = LARGE, personMs = PERSON_MS, backlog = BACKLOG } = {}) {
  return {
    person: { drops: 0, personMs },
    drops: { drops },
    personBesideDrops: { drops, personMs },
    personBesideLargeDrops: { ...large, personMs },
    backlog: { drops: 0, backlog },
    backlogBesideDrops: { drops: backlog, backlog },
  } satisfies Record<string, Partial<Scene>>;
}

const NAMES: Record<SceneName, string> = {
  person: 'a person, no drops',
  drops: 'drops alone',
  personBesideDrops: 'a person beside drops',
  personBesideLargeDrops: 'a person beside large drops',
  backlog: "people's backlog, no drops",
  backlogBesideDrops: "people's backlog beside as many drops",
};

export const bench: Bench = {
  limits: {
    slotsBesideDrops: 2,
    slotsBesideLargeDrops: 2,
    deliveredP95BesideDropsVsWithout: 1.25,
    dropDrainVsIdeal: 1.35,
    dropDrainBesidePersonVsIdeal: 1.35,
    backlogBesideDropsVsWithout: 1.1,
    dropDrainBesideBacklogVsIdeal: 2,
    lost: 0,
    duplicates: 0,
    failures: 0,
  },
  measure: async ({ rounds = 1, log }) => measureScenes(scenes(), { rounds, log }),
};

/** Plays all scenes in each round, with other random numbers each time. */
export async function measureScenes(
  scenesToPlay: ReturnType<typeof scenes>,
  { rounds, log }: Options & { rounds: number },
): Promise<Figures> {
  const all: Record<SceneName, Played>[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const run = async (name: SceneName): Promise<Played> =>
      play({ ...SETTINGS, seed: `${round}`, ...scenesToPlay[name] }, (line) =>
        log(`${NAMES[name]}: ${line}`),
      );
    all.push({
      person: await run('person'),
      drops: await run('drops'),
      personBesideDrops: await run('personBesideDrops'),
      personBesideLargeDrops: await run('personBesideLargeDrops'),
      backlog: await run('backlog'),
      backlogBesideDrops: await run('backlogBesideDrops'),
    });
  }
  const rows = (name: SceneName, rowsFor: (played: Played[]) => Omit<Row, 'subject'>[]): Row[] =>
    rowsFor(all.map((one) => one[name])).map((row) => ({ subject: NAMES[name], ...row }));
  const drain = (name: SceneName): number => median(all.map((one) => drainOf(one[name], one[name].drops)));
  const ideal = (name: SceneName): number => all[0]?.[name].idealMs ?? Number.NaN;
  const ofPerson = (name: SceneName, timeOf: (course: Course) => number): number[] =>
    all.flatMap((one) => one[name].person.map(timeOf));
  const most = (name: SceneName): number => Math.max(...ofPerson(name, slotsOf));
  const p95 = (name: SceneName): number => quantile(ofPerson(name, deliveredAfter), 0.95);
  const backlogOf = (name: SceneName): number =>
    median(all.map((one) => drainOf(one[name], one[name].backlog)));
  const played = all.flatMap((one) => Object.values(one));
  return {
    rows: [
      ...rows('person', personRows),
      ...rows('personBesideDrops', (of) => [...personRows(of), ...dropRows(of)]),
      ...rows('personBesideLargeDrops', (of) => [...personRows(of), ...dropRows(of)]),
      ...rows('drops', dropRows),
      ...rows('backlog', backlogRows),
      ...rows('backlogBesideDrops', (of) => [...backlogRows(of), ...dropRows(of)]),
    ],
    ratios: {
      slotsBesideDrops: most('personBesideDrops'),
      slotsBesideLargeDrops: most('personBesideLargeDrops'),
      deliveredP95BesideDropsVsWithout: p95('personBesideDrops') / p95('person'),
      dropDrainVsIdeal: drain('drops') / ideal('drops'),
      dropDrainBesidePersonVsIdeal: drain('personBesideDrops') / ideal('personBesideDrops'),
      backlogBesideDropsVsWithout: backlogOf('backlogBesideDrops') / backlogOf('backlog'),
      dropDrainBesideBacklogVsIdeal: drain('backlogBesideDrops') / ideal('backlogBesideDrops'),
      lost: sum(played, ({ lost, dropsLeft }) => lost + dropsLeft),
      duplicates: sum(played, ({ duplicates }) => duplicates),
      failures: sum(played, ({ failures }) => failures.length),
    },
  };
}

function personRows(played: Played[]): Omit<Row, 'subject'>[] {
  const courses = played.flatMap(({ person }) => person);
  const quantiles = (metric: string, unit: string, timeOf: (course: Course) => number) =>
    [0.5, 0.95, 1].map((share) => ({
      metric: `${metric}, ${share === 1 ? 'max' : `p${100 * share}`}`,
      value: quantile(courses.map(timeOf), share),
      unit,
    }));
  return [
    ...quantiles('staged to start', 'ms', startedAfter),
    ...quantiles('staged to delivered', 'ms', deliveredAfter),
    ...quantiles('from free to start', 'slots', slotsOf),
  ];
}

function dropRows(played: Played[]): Omit<Row, 'subject'>[] {
  return [
    {
      metric: 'drops delivered after',
      value: median(played.map((one) => drainOf(one, one.drops))) / 1000,
      unit: 's',
    },
    { metric: 'ideal', value: median(played.map(({ idealMs }) => idealMs)) / 1000, unit: 's' },
    { metric: 'throttled by IPD', value: median(played.map(({ throttled }) => throttled)), unit: 'tries' },
  ];
}

function backlogRows(played: Played[]): Omit<Row, 'subject'>[] {
  return [
    {
      metric: 'backlog delivered after',
      value: median(played.map((one) => drainOf(one, one.backlog))) / 1000,
      unit: 's',
    },
  ];
}

/** From the moment at which the drops were put, or the backlog was due, until the last of these was delivered. */
function drainOf({ droppedAt }: Played, courses: Course[]): number {
  return Math.max(...courses.map(({ deliveredAt = Infinity }) => deliveredAt)) - droppedAt;
}

const startedAfter = ({ stagedAt, startedAt = Infinity }: Course): number => startedAt - stagedAt;
const deliveredAfter = ({ stagedAt, deliveredAt = Infinity }: Course): number => deliveredAt - stagedAt;
/** From the moment at which there were its message and a function for it, until that function began. */
const slotsOf = ({ freeAt = 0, startedAt = Infinity }: Course): number => (startedAt - freeAt) / SLOT_MS;

function sum(played: Played[], countOf: (played: Played) => number): number {
  return played.reduce((total, one) => total + countOf(one), 0);
}
