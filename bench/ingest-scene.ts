/**
 * One scene of the bench of ingestion: drops that are put at once, a person who stages a file every second, people's
 * uploads that an outage has left behind. Plays it until all of them are delivered, and tells how each of them went.
 */
import { createHash } from 'node:crypto';
import { INGEST_PREFIX } from '../lib/domain/ingestion.ts';
import { MINUTE_MS, SECOND_MS } from '../lib/domain/units.ts';
import { createWorld } from './ingest-world.ts';
import type { Course, Limits } from './ingest-world.ts';
import { PROJECT_ID } from './records.ts';

export type Scene = Limits & {
  /** Put at once, some seconds after the person's first upload. */
  drops: number;
  /** How long a person stages a file every second; beside drops, until all of these are delivered. */
  personMs?: number;
  /** How much longer IPD takes for the file of a drop. */
  dropMs?: number;
  /** Uploads of people that are due, their events lost, when the drops are put. */
  backlog?: number;
};

export type Played = Awaited<ReturnType<typeof play>>;

/** A work item shows a hundred attachments at most. Of two files of equal size, the second would wait for the first. */
const PER_WORK_ITEM = 50;
const SMALLEST_BYTES = 1000;
const FIRST_ISSUE = 956_239_067_176_000_000n;
/** How the ids of the drops' work items begin. */
const DROPS_ISSUES = '/956239067176000';
const DROPPED_AFTER_MS = 5 * SECOND_MS;
/** A scene is given up after this many times the ideal time of all that is to be delivered, and some minutes. */
const PATIENCE = { times: 10, ms: 30 * MINUTE_MS };

/** `log` is called every minute of the scene. */
export async function play(scene: Scene, log: (line: string) => void) {
  const { drops, personMs = 0, backlog = 0, dropMs = 0, uploadsPerSecond } = scene;
  const isSendingDrop = (path: string): boolean => path.endsWith('/upload') && path.includes(DROPS_ISSUES);
  const world = createWorld({ ...scene, pauseOf: (path) => (isSendingDrop(path) ? dropMs : 0) });
  const { time, courses, counts, failures } = world;
  const wanted: string[] = [];
  const ids = { person: new Set<string>(), backlog: new Set<string>() };

  function file(of: 'drop' | 'person' | 'backlog', index: number): { bytes: Buffer; issueId: string } {
    const nth = ['drop', 'person', 'backlog'].indexOf(of);
    const text = `${of} ${index} `;
    const bytes = Buffer.from(text.padEnd(SMALLEST_BYTES + (index % PER_WORK_ITEM), 'x'));
    wanted.push(createHash('sha256').update(bytes).digest('hex'));
    const workItem = BigInt(nth) * 1_000_000n + BigInt(Math.floor(index / PER_WORK_ITEM));
    return { bytes, issueId: String(FIRST_ISSUE + workItem) };
  }

  async function stage(of: 'person' | 'backlog', index: number): Promise<void> {
    const { bytes, issueId } = file(of, index);
    const upload = { owner: `user ${index % 100}`, projectId: PROJECT_ID, issueId, ...PHOTO };
    ids[of].add(await world.stage(upload, bytes, { isEventLost: of === 'backlog' }));
  }

  function drop(index: number): void {
    const { bytes, issueId } = file('drop', index);
    world.put(`${INGEST_PREFIX}${PROJECT_ID}/${issueId}/${index}.log`, bytes);
  }

  let staged = 0;
  const goOn = (): void => {
    if (personMs === 0 || (drops === 0 ? time.elapsed() >= personMs : isAllDropped())) return;
    time.after(SECOND_MS, goOn);
    void stage('person', staged);
    staged += 1;
  };
  time.after(0, goOn);
  let left: Promise<unknown> = Promise.resolve();
  time.after(DROPPED_AFTER_MS, () => {
    for (let index = 0; index < drops; index += 1) drop(index);
    left = Promise.all(Array.from({ length: backlog }, (_, index) => stage('backlog', index)));
  });

  const deliveredOf = (isMine: (id: string) => boolean): number =>
    [...courses].filter(([id, { deliveredAt }]) => isMine(id) && deliveredAt !== undefined).length;
  const isPeoples = (id: string): boolean => ids.person.has(id) || ids.backlog.has(id);
  const isAllDropped = (): boolean =>
    counts.delivered >= drops && deliveredOf((id) => !isPeoples(id)) >= drops;

  const idealMs = ((drops + backlog) / uploadsPerSecond) * SECOND_MS;
  const horizon = PATIENCE.times * idealMs + PATIENCE.ms;
  let minutes = 0;
  await time.run(() => {
    if (time.elapsed() >= (minutes + 1) * MINUTE_MS) {
      minutes += 1;
      log(`${minutes} min: ${counts.delivered} of ${wanted.length} delivered, ${counts.throttled} throttled`);
    }
    if (time.elapsed() > horizon) return true;
    const isBegun = time.elapsed() > DROPPED_AFTER_MS && time.elapsed() >= (drops === 0 ? personMs : 0);
    return isBegun && counts.delivered >= wanted.length;
  });
  await left;

  const attached = world.attached();
  const held = new Set(attached);
  const of = (isMine: (id: string) => boolean): Course[] =>
    [...courses].filter(([id]) => isMine(id)).map(([, course]) => course);
  return {
    person: of((id) => ids.person.has(id)),
    backlog: of((id) => ids.backlog.has(id)),
    drops: of((id) => !isPeoples(id)),
    idealMs,
    droppedAt: world.startedAt + DROPPED_AFTER_MS,
    throttled: counts.throttled,
    rateChanges: counts.rateChanges,
    /** Not delivered, or not in IPD with the bytes that were offered. */
    lost: wanted.length - counts.delivered + wanted.filter((sha256) => !held.has(sha256)).length,
    /** Drops that rest in storage. */
    dropsLeft: world.drops().length,
    duplicates: attached.length - held.size,
    failures,
  };
}

const PHOTO = { filename: 'photo.jpg', sentName: 'photo.jpg', contentType: 'image/jpeg' };
