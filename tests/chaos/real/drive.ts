/**
 * The loop of a run: it sweeps, gives the queue's messages to children, which die or stop as the plan says, and sets
 * the clock forward to the next event, until none is left. It changes nothing else and judges nothing.
 */
import type { Upload } from '../../../lib/domain/upload.ts';
import type { Ground } from './ground.ts';
import type { Letter } from './mailbox.ts';
import type { Order } from './orders.ts';
import type { Fate } from './plan.ts';
import type { Victim } from './victims.ts';
import { MINUTE_MS } from '../../../lib/domain/units.ts';

type Drive = {
  /** Of uploads that are there, or will be made of an offer. */
  ids: string[];
  /** The authentication for a message, and the fault of its child; by default an access key, and no fault. */
  assign?: (letter: Letter) => Assignment;
};

/** `onEnd` is called with whether the planned fault happened. */
type Assignment = { auth: Order['auth']; fate?: Fate | undefined; onEnd?: (isTrue: boolean) => void };

/** A child that was stopped, the message that it was handling, and until when it sleeps. */
type Sleeper = { victim: Victim; letter: Letter; until: number; unfinished: number };

/** Children at work at the same time; the machine may have no more than two cores. */
const AT_ONCE = 4;
/** Lambda kills a function that takes longer. */
const RUN_MS = 300_000;
/** An upload that is not final by then is stuck. */
const PATIENCE_MS = 48 * 60 * MINUTE_MS;

/** Resolves when all uploads are final and nothing is left to be done for them, or after 48 hours of the shared clock. */
export async function drive(ground: Ground, { ids, assign }: Drive): Promise<void> {
  const { clock, mailbox, victims, world } = ground;
  const stopped = new Set<Sleeper>();
  const end = clock.now() + PATIENCE_MS;

  async function deliver(letter: Letter): Promise<void> {
    const { auth, fate, onEnd }: Assignment = assign?.(letter) ?? { auth: 'aksk' };
    const victim = await victims.take();
    const doom = fate !== undefined && 'doom' in fate ? fate.doom : undefined;
    const work = letter.to === 'ingest' ? { offers: [letter] } : { bodies: [letter.body] };
    const report = await withinTime(
      victim,
      victim.obey({ ...work, auth, isIdleCut: assign !== undefined, ...(doom && { doom }) }),
      fate?.kind === 'killedInTime' ? fate.afterMs : undefined,
    );
    onEnd?.(report.kind === (fate?.kind === 'paused' ? 'stopped' : 'died'));
    if (report.kind === 'stopped' && fate?.kind === 'paused') {
      const { unfinished } = report;
      stopped.add({ victim, letter, unfinished, until: clock.now() + fate.forMs });
    }
    release(victim, letter, report.kind);
  }

  async function resume(sleeper: Sleeper): Promise<void> {
    const { victim, letter } = sleeper;
    stopped.delete(sleeper);
    release(victim, letter, (await withinTime(victim, victim.resume())).kind);
  }

  function release(victim: Victim, letter: Letter, kind: string): void {
    if (kind === 'done') mailbox.remove(letter);
    if (kind === 'done' || kind === 'failed') victims.giveBack(victim);
  }

  for (;;) {
    await ground.sweep();
    const awake = [...stopped].filter(({ until }) => until <= clock.now());
    await Promise.all([...mailbox.take(AT_ONCE).map(deliver), ...awake.map(resume)]);
    await ground.quiet([...stopped].reduce((sum, { unfinished }) => sum + unfinished, 0));
    await ground.collect();

    const rest = (await Promise.all(ids.map(world.ledger.find))).filter(isUnfinished);
    const next = Math.min(
      mailbox.nextAt(),
      ...[...stopped].map(({ until }) => until),
      // The sweep runs every minute.
      Math.max(clock.now() + MINUTE_MS, Math.min(...rest.map(dueTime))),
    );
    const isOver = rest.length === 0 && stopped.size === 0 && mailbox.nextAt() === Infinity;
    if (isOver || clock.now() > end) break;
    clock.jump(Math.max(next - clock.now(), 0));
  }
  await Promise.all([...stopped].map(resume));
}

/** Waits for a child, and kills it when it takes too long. */
async function withinTime<T>(victim: Victim, work: Promise<T>, ms = RUN_MS): Promise<T> {
  const timer = setTimeout(victim.kill, ms);
  return work.finally(() => clearTimeout(timer));
}

/** An offer that was not taken yet has no upload. Of a link, nothing but its end is left. */
function isUnfinished(upload: Upload | undefined): boolean {
  if (upload === undefined) return true;
  const isKept = upload.status === 'delivered' && upload.dueAt === upload.link?.expiresAt;
  return upload.status !== 'failed' && upload.dueAt !== undefined && !isKept;
}

function dueTime(upload: Upload | undefined): number {
  return upload === undefined ? 0 : Date.parse(upload.dueAt ?? '');
}
