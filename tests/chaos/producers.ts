/**
 * Producers: programs without a user that offer objects. They drop files, the same bytes once more or other ones, remove
 * them, and send requests, some of which are none. They hear of an end by notifications alone, which the oracle reads.
 */
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { Faults } from './faults.ts';
import type { Random } from './random.ts';
import { issueIdOf, projectId } from './users.ts';
import type { World } from './world.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

/** What is done to an offer, so long after its beginning. */
type Step = { afterMs: number } & (
  { act: 'again' } | { act: 'remove' } | { act: 'replace'; bytes: Buffer } | { act: 'send'; body: string }
);

export type Offering = {
  /** The object: a drop in the staging bucket, or what a request names. */
  object: { bucket: string; key: string; bytes: Buffer } | undefined;
  /** The message that is sent once the object is there; undefined for a drop, which storage reports. */
  body: string | undefined;
  at: number;
  steps: Step[];
};

/** The part of a story that the run has to wait for. */
export type Producing = { isOver: boolean };

/** The bucket whose objects requests name. */
export const SOURCE_BUCKET = 'artifacts';
const BUCKET = 'staging';
/** Larger than the largest file that a simulated world takes. */
export const LARGEST_FILE = 4000;
const CLOSED = 'f'.repeat(32);

const NAMES = [
  'crash.log',
  '崩溃 报告.txt',
  '100%.log',
  'a+b c.txt',
  'x%20y%2Fz.txt',
  'runs/7/core dump.bin',
] as const;

/** A drop that is taken. */
export function dropOf(bytes: Buffer, changes: Partial<Offering> = {}): Offering {
  const key = `ingest/${projectId}/${issueIdOf(0)}/crash.log`;
  return { object: { bucket: BUCKET, key, bytes }, body: undefined, at: 0, steps: [], ...changes };
}

/** A request that is taken. */
export function requestOf(bytes: Buffer, changes: Partial<Offering> = {}): Offering {
  const object = { bucket: SOURCE_BUCKET, key: 'builds/7/report.txt', bytes };
  return { object, body: bodyOf({ requestId: 'build-7', key: object.key }), at: 0, steps: [], ...changes };
}

/** A few offers. `earlier`: bytes that users send, which a producer may have as well. */
export function drawOfferings(random: Random, faults: Faults, earlier: readonly Buffer[]): Offering[] {
  return Array.from({ length: random.pick([1, 1, 2, 3]) }, (_, index) => {
    const twin = earlier[random.int(0, Math.max(earlier.length - 1, 0))];
    const isTwin = twin !== undefined && random.chance(0.15) && faults.happens('equalBytes');
    const own = Buffer.concat([Buffer.from([200 + index]), random.bytes(random.pick([20, 300, 3000]))]);
    const bytes = isTwin && twin.length <= LARGEST_FILE ? twin : own;
    const at = random.pick([0, random.int(0, 5 * SECOND_MS), random.int(0, 10 * MINUTE_MS)]);
    const draw = random.chance(0.6) ? drawDrop : drawRequest;
    return { ...draw(random, faults, { bytes, index }), at };
  });
}

type Given = { bytes: Buffer; index: number };

function drawDrop(random: Random, faults: Faults, { bytes }: Given): Offering {
  const name = random.pick(NAMES);
  const issue = issueIdOf(random.int(0, 1));
  const good: { key: string; bytes: Buffer } = { key: `ingest/${projectId}/${issue}/${name}`, bytes };
  const refused = random.chance(0.2) && faults.happens('offerRefused');
  const object = refused
    ? random.pick<typeof good>([
        { ...good, key: `ingest/${CLOSED}/${issue}/${name}` },
        { ...good, bytes: Buffer.alloc(0) },
        { ...good, bytes: Buffer.concat([bytes, Buffer.alloc(LARGEST_FILE)]) },
        { ...good, key: `ingest/${projectId}/12/${name}` },
        { ...good, key: 'ingest/stray.txt' },
        { ...good, key: `ingest/${projectId}/${issue}/..` },
        { key: `ingest/${projectId}/${issue}/`, bytes: Buffer.alloc(0) },
      ])
    : good;
  return {
    object: { bucket: BUCKET, ...object },
    body: undefined,
    at: 0,
    steps: drawSteps(random, faults, bytes),
  };
}

function drawSteps(random: Random, faults: Faults, bytes: Buffer): Step[] {
  const steps: Step[] = [];
  while (random.chance(0.4) && faults.happens('dropAgain'))
    steps.push({ act: 'again', afterMs: drawWait(random) });
  if (random.chance(0.2) && faults.happens('dropReplaced')) {
    steps.push({
      act: 'replace',
      bytes: Buffer.from(bytes.map((byte) => 255 - byte)),
      afterMs: drawWait(random),
    });
  }
  if (random.chance(0.12) && faults.happens('dropRemoved'))
    steps.push({ act: 'remove', afterMs: drawWait(random) });
  return steps;
}

function drawRequest(random: Random, faults: Faults, { bytes, index }: Given): Offering {
  const requestId = `build-${index}`;
  const key = `builds/${index}/${random.pick(NAMES)}`;
  const issueId = issueIdOf(random.int(0, 1));
  const object = { bucket: SOURCE_BUCKET, key, bytes };
  const good = bodyOf({ requestId, key, issueId });
  if (random.chance(0.3) && faults.happens('noMessage')) {
    return { object: undefined, body: random.pick(['no message', '{}', '[1]']), at: 0, steps: [] };
  }
  const refused = random.chance(0.25) && faults.happens('offerRefused');
  const steps = drawSteps(random, faults, bytes).map((step): Step =>
    step.act === 'again' ? { act: 'send', body: good, afterMs: step.afterMs } : step,
  );
  if (random.chance(0.2) && faults.happens('requestReused')) {
    const other = bodyOf({ requestId, key: 'builds/other.txt', issueId });
    steps.push({
      act: 'send',
      body: random.pick([other, `{"requestId":"${requestId}"}`]),
      afterMs: drawWait(random),
    });
  }
  if (!refused) return { object, body: good, at: 0, steps };
  return {
    ...random.pick([
      { object, body: bodyOf({ requestId, key, issueId, projectId: CLOSED }) },
      { object, body: bodyOf({ requestId, key, issueId: '12' }) },
      { object, body: bodyOf({ requestId, key, issueId, bucket: 'secrets' }) },
      { object, body: bodyOf({ requestId, key: `staging/${requestId}`, issueId, bucket: BUCKET }) },
      { object: undefined, body: good },
      { object: { ...object, bytes: Buffer.alloc(0) }, body: good },
    ]),
    at: 0,
    steps: steps.filter(({ act }) => act !== 'again' && act !== 'send'),
  };
}

/** At once, while the upload is under way, or after its end. */
function drawWait(random: Random): number {
  return random.pick([
    random.int(0, 3 * SECOND_MS),
    random.int(0, 90 * SECOND_MS),
    random.int(0, 20 * MINUTE_MS),
    random.int(0, 8 * HOUR_MS),
  ]);
}

function bodyOf(asked: {
  requestId: string;
  key: string;
  issueId?: string;
  bucket?: string;
  projectId?: string;
}): string {
  const { requestId, key, issueId = issueIdOf(0), bucket = SOURCE_BUCKET } = asked;
  const about = { projectId: asked.projectId ?? projectId, issueId };
  return JSON.stringify({ requestId, source: { bucket, key }, ...about });
}

/** Makes an offer from now on. */
export function produce({ object, body, at, steps }: Offering, world: World): Producing {
  const { time, offered, objects, trace, random } = world;
  const producing: Producing = { isOver: false };
  let held = object?.bytes ?? Buffer.alloc(0);

  function put(bytes: Buffer): void {
    held = bytes;
    if (object === undefined) return;
    const { bucket, key } = object;
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: key,
      Body: bytes,
      // A tag that a scan would set, were it not forged.
      Tagging: 'scan=clean',
    });
    offered.byProducer(() => objects.execute(command));
    trace.note('producer', `put ${bytes.length} bytes`);
  }

  function send(text: string): void {
    offered.sent.push({ at: time.now(), body: text });
    world.ingestQueue.send(text, random.int(50, 2 * SECOND_MS));
    trace.note('producer', 'sends a request');
  }

  function take(step: Step): void {
    switch (step.act) {
      case 'again':
        return put(held);
      case 'replace':
        return put(step.bytes);
      case 'send':
        return send(step.body);
      case 'remove': {
        if (object === undefined) return;
        const target = { Bucket: object.bucket, Key: object.key };
        offered.byProducer(() => objects.execute(new DeleteObjectCommand(target)));
        trace.note('producer', 'removes the object');
      }
    }
  }

  async function live(): Promise<void> {
    await time.sleep(at);
    put(held);
    if (body !== undefined) send(body);
    const began = time.now();
    for (const step of steps.toSorted((a, b) => a.afterMs - b.afterMs)) {
      await time.sleep(began + step.afterMs - time.now());
      take(step);
    }
    producing.isOver = true;
  }

  void live();
  return producing;
}
