/**
 * The platform that runs the functions as serverless.yml says: `deliver` from the queue, five at once; `sweep` every
 * minute; the API's calls. A run that does not end is killed at its timeout, mostly.
 */
import { AppError } from '../../lib/domain/errors.ts';
import { readMessage } from '../../lib/messaging/queue.ts';
import type { Run } from '../../lib/delivery/send.ts';
import { uploadIdOf } from '../../lib/domain/upload.ts';
import type { QueueMessage } from './ends/queue.ts';
import type { Worker, World } from './world.ts';
import { MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

export type Platform = ReturnType<typeof createPlatform>;
const CONCURRENCY = 5;
const TIMEOUT_MS = { deliver: 300 * SECOND_MS, sweep: 50 * SECOND_MS, api: 15 * SECOND_MS };
/** As functions/deliver.ts and functions/sweep.ts have it. */
const MARGIN_MS = 10 * SECOND_MS;
/** How far ahead a sweep reads, and how wrong its clock may be. */
const SWEEP_REACH_MS = MINUTE_MS + 30 * SECOND_MS;

/** How a run ended, as far as the platform can see. */
type End = { kind: 'done' } | { kind: 'failed'; error: unknown } | { kind: 'lost' };

/** Runs the functions of a world from now on. */
export function createPlatform(world: World) {
  const { time, faults, random, queue, documents, trace, missing } = world;
  const idle: Record<keyof typeof TIMEOUT_MS, Worker[]> = { deliver: [], sweep: [], api: [] };
  let delivering = 0;
  let running = 0;

  /** Runs one function once and says how it ended; a container that has survived waits for the next run. */
  async function invoke(
    kind: keyof typeof TIMEOUT_MS,
    work: (worker: Worker) => Promise<void>,
  ): Promise<End> {
    const reused = random.chance(0.9) ? idle[kind].pop() : undefined;
    const worker = reused ?? world.createWorker(kind);
    const { container } = worker;
    const { promise, resolve } = Promise.withResolvers<End>();
    running += 1;
    const forget = container.onDeath(() => resolve({ kind: 'lost' }));
    const cancel = time.after(TIMEOUT_MS[kind], () => {
      // The container stands still, and the platform fails to kill it: it goes on later where it stopped.
      if (!(container.isFrozen() && faults.strikes('overstay', random))) container.die();
      resolve({ kind: 'lost' });
    });
    const death = new Promise<void>((die) => container.onDeath(die));
    const working = work(worker);
    void world.activity.during(Promise.race([working.catch(() => undefined), death]));
    void working
      .then(
        () => resolve({ kind: 'done' }),
        (error: unknown) => resolve({ kind: 'failed', error }),
      )
      .finally(() => {
        cancel();
        forget();
      });
    const end = await promise;
    running -= 1;
    if (end.kind === 'lost') trace.note(kind, 'lost');
    else idle[kind].push(worker);
    if (end.kind === 'failed') {
      trace.note(kind, end.error instanceof AppError ? `failed ${end.error.code}` : 'failed');
      world.noteSurprise(end.error);
    }
    return end;
  }

  function poll(): void {
    while (delivering < CONCURRENCY) {
      const isShuffled = faults.strikes('messageReordered', random);
      const message = queue.receive((count) => (isShuffled ? random.int(0, count - 1) : 0));
      if (message === undefined) return;
      delivering += 1;
      if (world.isDoubled) void invoke('deliver', (worker) => handle(worker, message.body));
      void deliver(message).then(poll);
    }
  }

  async function deliver(message: QueueMessage): Promise<void> {
    const end = await invoke('deliver', (worker) => handle(worker, message.body));
    delivering -= 1;
    if (end.kind === 'done') queue.remove(message.id);
    else time.after(world.visibilityMs, poll);
  }

  /** What functions/deliver.ts does with a message. */
  async function handle({ services, container, errand }: Worker, body: string): Promise<void> {
    const { clock } = container;
    const run: Run = {
      killedAt: clock.now() + TIMEOUT_MS.deliver,
      signal: clock.timeout(TIMEOUT_MS.deliver - MARGIN_MS),
    };
    const message = readMessage(body);
    if (message === undefined) throw new Error('a message of unknown form');
    if (message.kind === 'request') {
      errand.uploadId = message.request.uploadId;
      await services.delivery.onRequest(message.request, run);
      return;
    }
    for (const arrival of message.arrivals) {
      errand.uploadId = uploadIdOf(arrival.key);
      await services.delivery.onArrival(arrival, run);
    }
  }

  /** Every minute; one that would find nothing is not run. */
  function sweep(): void {
    time.after(MINUTE_MS, sweep);
    if (documents.due(time.now() + SWEEP_REACH_MS).length === 0 || faults.strikes('sweepSkipped', random))
      return;
    for (let runs = world.isDoubled ? 2 : 1; runs > 0; runs -= 1) {
      void invoke('sweep', async ({ services, container }) => {
        await services.sweep.run(container.clock.timeout(TIMEOUT_MS.sweep - MARGIN_MS));
      });
    }
  }

  /** One call of the API; undefined when the caller gets no usable answer. */
  async function api<T>(
    call: (services: Worker['services']) => Promise<T>,
  ): Promise<T | AppError | undefined> {
    let answer: T | undefined;
    const end = await invoke('api', async ({ services, errand }) => {
      errand.uploadId = undefined;
      answer = await call(services);
    });
    if (end.kind === 'failed' && end.error instanceof AppError) return end.error;
    return end.kind === 'done' ? answer : undefined;
  }

  world.onVisible(poll);
  if (missing !== 'sweep') time.after(random.int(0, MINUTE_MS), sweep);
  return { api, isIdle: () => running === 0 };
}
