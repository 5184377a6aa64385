/**
 * The plan of a schedule, drawn from a seed before it starts: uploads, faults, events and deaths. The plan can be
 * repeated, its timing cannot: the exact place where a child dies depends on the machine.
 */
import type { Random } from '../random.ts';
import { LASTING, TRANSIENT } from './faults.ts';
import type { Doom } from './orders.ts';
import { INGEST_STEPS, STEPS } from './seams.ts';
import { MINUTE_MS } from '../../../lib/domain/units.ts';

/** What happens to the child that handles a message. */
export type Fate =
  | { kind: 'killedInTime'; afterMs: number }
  | { kind: 'killedAtStep' | 'killedInBody'; doom: Doom }
  /** `forMs` of the shared clock. */
  | { kind: 'paused'; doom: Doom; forMs: number };

export type Plan = {
  issueId: string;
  auth: 'token' | 'aksk';
  uploads: {
    size: number;
    /** Uploads with the same number have the same bytes. */
    content: number;
    isHashDeclared: boolean;
    /** Of `parts`, all are stored, and no client completes it; of a `drop` and a `request`, a producer has the object. */
    by: 'url' | 'parts' | 'drop' | 'request';
    /** When each copy of the event, or of the request, arrives; empty for a lost event. */
    events: number[];
  }[];
  transient: (keyof typeof TRANSIENT)[];
  lasting?: keyof typeof LASTING;
  /** One for each message that is handled, until they are used up. */
  fates: Fate[];
  /** The same for messages of ingestion. Too few to use up the receives of a message: a request must not get lost. */
  ingestFates: Fate[];
};

const FIRST_ISSUE = 956_239_067_176_000_000n;
/** Larger files end in links. In bytes. */
export const MOST_ATTACHED = 250_000;
/** No other upload of a plan has these bytes. */
const LINKED_CONTENT = 100;
const FAULTS_EACH = 4;
const LASTING_EVERY = 5;
/** How often an event comes; a request comes at least once. */
const COPIES = {
  url: [0, 1, 1, 1, 2, 3],
  parts: [0],
  drop: [0, 1, 1, 1, 2, 3],
  request: [1, 1, 1, 2, 3],
} as const;
const PAUSES_MS = [MINUTE_MS / 3, 7 * MINUTE_MS, 40 * MINUTE_MS, 40 * MINUTE_MS];

/** Plans for so many schedules; with enough of them, every fault is drawn. */
export function drawPlans(random: Random, schedules: number): Plan[] {
  const transient = createDeck(random.fork('transient'), keysOf(TRANSIENT));
  const lasting = createDeck(random.fork('lasting'), keysOf(LASTING));
  return Array.from({ length: schedules }, (_, index) => {
    const issueId = String(FIRST_ISSUE + BigInt(index));
    const rest = drawPlan(random.fork(index), index % LASTING_EVERY === 4 ? [] : transient(FAULTS_EACH));
    return { ...rest, issueId, ...(rest.transient.length === 0 && { lasting: lasting(1)[0] ?? 'refused' }) };
  });
}

function drawPlan(random: Random, transient: Plan['transient']): Omit<Plan, 'issueId' | 'lasting'> {
  const storing = transient.filter(isStoring);
  const length = Math.max(random.int(1, 4), storing.length);
  const size = random.pick([1000, 5000, 70_000, 200_000]);
  const hasTwins = random.chance(0.3);
  const uploads = Array.from({ length }, (_, index) => {
    const by = random.pick(['url', 'url', 'url', 'parts', 'drop', 'drop', 'request'] as const);
    const copies = random.pick(COPIES[by]);
    return {
      size: random.chance(0.8) || hasTwins ? size : size + index + 1,
      content: hasTwins ? index % 2 : index,
      isHashDeclared: random.chance(0.5),
      by,
      events: Array.from({ length: copies }, () => random.int(0, 2 * MINUTE_MS)),
    };
  });
  const needsToken = transient.some((name) => name === 'tokenDeath' || name === 'tokenRefused');
  return {
    auth: needsToken || random.chance(0.5) ? 'token' : 'aksk',
    uploads: [...uploads, ...drawLinked(random.fork('links'))],
    // A stored file is not sent again, so the faults of sending come first.
    transient: [...transient.filter((name) => !isStoring(name)), ...storing],
    fates: drawFates(random, size),
    ingestFates: drawIngestFates(random),
  };
}

/** Sometimes one more, which is to end in a link. */
function drawLinked(random: Random): Plan['uploads'] {
  if (!random.chance(0.4)) return [];
  const events = Array.from({ length: random.pick(COPIES.url) }, () => random.int(0, 2 * MINUTE_MS));
  const size = MOST_ATTACHED + random.int(1, 1000);
  return [{ size, content: LINKED_CONTENT, isHashDeclared: random.chance(0.5), by: 'url', events }];
}

/** One fate of each kind, in any order, and up to two more kills at any time. */
function drawFates(random: Random, size: number): Fate[] {
  const fates: Fate[] = [
    killedInTime(random),
    { kind: 'killedAtStep', doom: { at: random.pick(STEPS), act: 'die' } },
    { kind: 'killedInBody', doom: { at: random.int(1, size), act: 'die' } },
    {
      kind: 'paused',
      // The worst place for a stop is directly after the fence: the next step of the delivery cannot be undone.
      doom: { at: random.chance(0.5) ? 'fence written' : random.pick(STEPS), act: 'stop' },
      forMs: random.pick(PAUSES_MS),
    },
    ...Array.from({ length: random.int(0, 2) }, () => killedInTime(random)),
  ];
  return shuffled(random, fates);
}

function drawIngestFates(random: Random): Fate[] {
  const killedAtStep = (): Fate => ({
    kind: 'killedAtStep',
    doom: { at: random.pick(INGEST_STEPS), act: 'die' },
  });
  return shuffled(random, [
    killedInTime(random),
    killedAtStep(),
    killedAtStep(),
    { kind: 'paused', doom: { at: random.pick(INGEST_STEPS), act: 'stop' }, forMs: random.pick(PAUSES_MS) },
  ]);
}

function killedInTime(random: Random): Fate {
  return { kind: 'killedInTime', afterMs: random.int(0, 60) };
}

/** Deals from shuffled cards, shuffled again when they run out. */
function createDeck<Card>(random: Random, cards: Card[]): (count: number) => Card[] {
  let deck: Card[] = [];
  return (count) => {
    if (deck.length < count) deck = [...deck, ...shuffled(random, cards)];
    return deck.splice(0, count);
  };
}

function shuffled<T>(random: Random, items: T[]): T[] {
  return items
    .map((item) => ({ item, at: random.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function isStoring(name: keyof typeof TRANSIENT): boolean {
  return 'stores' in TRANSIENT[name];
}

function keysOf<Key extends string>(rows: Record<Key, unknown>): Key[] {
  return Object.keys(rows).filter((key): key is Key => Object.hasOwn(rows, key));
}
