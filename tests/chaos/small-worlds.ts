/**
 * The small worlds that the enumeration walks: a few uploads each, without chance. In every one of them, people attach
 * files of equal size and of equal bytes to the same work item.
 */
import { dropOf, requestOf } from './producers.ts';
import type { Offering } from './producers.ts';
import { issueIdOf, plainParts, plainPlan, projectId } from './users.ts';
import type { LinkPlan, Plan } from './users.ts';
import type { Linking, World } from './world.ts';
import { MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

export type SmallWorld = {
  name: string;
  plans: Plan[];
  /** What producers offer. Without it, ingestion is off. */
  offerings?: Offering[];
  /** What else happens, before the users begin. */
  prepare?: (world: World) => void;
  /** Each message arrives twice at the same moment, and each sweep runs twice. */
  isDoubled?: boolean;
  /** Without it, no file ends in a link. */
  linking?: Linking;
  settings?: Record<string, string>;
};

const bytes = Buffer.from('a file of a few bytes');

const upload: Plan = { ...plainPlan, issueId: issueIdOf(0), bytes, isDeclared: false };

const inParts: Plan = { ...upload, mode: 'multipart', bytes: Buffer.alloc(400, 'parts') };

/** Once read in peace, and once while it is taken back. */
const readAndTakenBack: LinkPlan = {
  removeLinkAfter: [20 * MINUTE_MS],
  removeLinkByOperatorAfter: [],
  reads: [
    { afterMs: 10 * MINUTE_MS, pauseMs: 0 },
    { afterMs: 20 * MINUTE_MS, pauseMs: 30 * SECOND_MS },
  ],
};
/** One byte more than becomes an attachment. */
const linking: Linking = { most: bytes.length - 1, days: 365 };

export const smallWorlds: SmallWorld[] = [
  { name: 'one upload', plans: [upload] },
  { name: 'one declared upload', plans: [{ ...upload, isDeclared: true }] },
  {
    name: 'a link and its removal',
    plans: [{ ...upload, link: readAndTakenBack }],
    linking,
  },
  {
    name: 'a file that meets a full work item',
    plans: [upload],
    linking: { most: 1000, days: 365 },
    prepare: fill,
  },
  { name: 'two equal files', plans: [upload, upload] },
  {
    name: 'two equal files, one later',
    plans: [upload, { ...upload, createAt: 30 * SECOND_MS }],
  },
  {
    name: 'three equal files, two at once',
    plans: [upload, { ...upload, createAt: 5 * MINUTE_MS }, { ...upload, createAt: 5 * MINUTE_MS }],
  },
  {
    name: 'an upload and its retry',
    plans: [{ ...upload, retryAfter: [5 * MINUTE_MS] }],
    prepare: refuseFirst,
  },
  { name: 'parts', plans: [inParts] },
  {
    name: 'parts and a late complete',
    plans: [{ ...inParts, parts: { ...plainParts, completeAfter: [10 * SECOND_MS, 4 * MINUTE_MS] } }],
  },
  { name: 'cancel against deliver', plans: [{ ...upload, cancelAfter: 5 * SECOND_MS }] },
  {
    name: 'cancel of one of two equal files',
    plans: [{ ...upload, cancelAfter: 20 * MINUTE_MS }, upload],
  },
  { name: 'two functions, two sweeps', plans: [upload], isDoubled: true },
  { name: 'a drop', plans: [], offerings: [dropOf(bytes)] },
  {
    name: 'a drop put twice',
    plans: [],
    offerings: [
      dropOf(bytes, {
        steps: [
          { act: 'again', afterMs: 5 * SECOND_MS },
          { act: 'again', afterMs: 30 * MINUTE_MS },
        ],
      }),
    ],
  },
  { name: 'a request and its copy', plans: [], offerings: [requestOf(bytes)] },
];

/** Undefined for an unknown name. */
export function smallWorldOf(name: string): SmallWorld | undefined {
  return smallWorlds.find((one) => one.name === name);
}

/** IPD refuses the first file that it gets, for good. */
function refuseFirst(world: World): void {
  let isRefused = false;
  world.rules.of = ({ operation }) => {
    if (operation !== 'upload' || isRefused) return undefined;
    isRefused = true;
    return 'failed200';
  };
}

/** The work item takes no attachment more. */
function fill(world: World): void {
  world.rules.of = ({ operation }) => (operation === 'list' ? 'listOf' : undefined);
}

/** Other people's files in the same work item: two before the upload, one of them an equal file, and one during it. */
export async function attachByOthers({ people, time }: World): Promise<void> {
  const item = { projectId, issueId: issueIdOf(0) };
  await people.attach(item, bytes);
  await people.attach(item, Buffer.alloc(bytes.length, 'x'));
  time.after(2 * MINUTE_MS, () => void people.attach(item, Buffer.alloc(bytes.length, 'y')));
}
