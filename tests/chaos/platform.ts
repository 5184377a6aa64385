/**
 * The platform that runs the functions as serverless.yml says: `deliver` and `ingest` from their queues, five at once;
 * `sweep` every minute; the API's calls. It hands the handlers their events and reads their answers, and nothing else. A run that does
 * not end is killed at its timeout, mostly.
 */
import type { Context } from 'aws-lambda';
import { tryAgain } from '../../cli/ops/redrive.ts';
import { createHandler as createAttach } from '../../functions/attach.ts';
import { createHandler as createDeliver } from '../../functions/deliver.ts';
import { createHandler as createFiles } from '../../functions/files.ts';
import { createHandler as createIngest } from '../../functions/ingest.ts';
import { createHandler as createSweep } from '../../functions/sweep.ts';
import { createHandler as createUploads } from '../../functions/uploads.ts';
import { createHandler as createUppy } from '../../functions/uppy.ts';
import { remove } from '../../lib/domain/endings.ts';
import type { Services } from '../../lib/services.ts';
import { httpEvent, lambdaContext, scheduledEvent } from '../support/lambda-event.ts';
import type { HttpCall } from '../support/lambda-event.ts';
import { queueEvent } from '../support/queue-event.ts';
import type { MessageQueue, QueueMessage } from '../ends/queue.ts';
import type { Worker, World } from './world.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

export type Platform = ReturnType<typeof createPlatform>;

/** An answer of the API: what a client has of it. */
export type HttpAnswer = { status: number; headers: Record<string, unknown>; body: unknown };

const CONCURRENCY = 5;
/** How far ahead a sweep reads, and how wrong its clock may be. */
const SWEEP_REACH_MS = MINUTE_MS + 30 * SECOND_MS;
/** A call that changes nothing. */
const A_READ = /^(?:query|read|ask|Get|Head|List)/;
const UPLOAD_ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** How a run ended, as far as the platform can see. */
type End<Result> = { kind: 'done'; result: Result } | { kind: 'failed' } | { kind: 'lost' };

type Handler<Event, Result> = (event: Event, context: Context) => Promise<Result>;

/** A container with its handler, which lives as long. */
type Instance<Event, Result> = Worker & { handler: Handler<Event, Result> };

/** Runs the functions of a world from now on. */
export function createPlatform(world: World) {
  const { time, faults, random, queue, ingestQueue, documents, objects, trace, missing } = world;
  const { ingestedQueue } = world;
  let running = 0;
  let runs = 0;

  /** A function: runs its handler once and says how it ended; a container that has survived waits for the next run. */
  function createFunction<Event, Result>(
    name: string,
    timeoutMs: number,
    createHandler: (services: () => Services) => Handler<Event, Result>,
  ): (event: Event, uploadId?: string) => Promise<End<Result>> {
    const idle: Instance<Event, Result>[] = [];

    function start(): Instance<Event, Result> {
      const worker = world.createWorker(name);
      return { ...worker, handler: createHandler(() => worker.services) };
    }

    return async (event, uploadId) => {
      const reused = random.chance(0.9) ? idle.pop() : undefined;
      const instance = reused ?? start();
      const { container, errand, handler } = instance;
      runs += 1;
      Object.assign(errand, { uploadId, run: runs });
      const { promise, resolve } = Promise.withResolvers<End<Result>>();
      running += 1;
      const forget = container.onDeath(() => resolve({ kind: 'lost' }));
      const cancel = time.after(timeoutMs, () => {
        // The container stands still, and the platform fails to kill it: it goes on later where it stopped.
        if (container.isFrozen() && faults.strikes('overstay', random)) container.outliveRun();
        else container.die();
        resolve({ kind: 'lost' });
      });
      // The platform sets the end, and the container compares it with its own clock.
      const killedAt = time.now() + timeoutMs;
      const handled = handler(
        event,
        lambdaContext(() => killedAt - container.clock.now()),
      );
      // A container that outlived its run goes on later.
      const death = new Promise<void>((die) => container.onDeath(die));
      void world.activity.during(Promise.race([handled.catch(() => undefined), death]));
      void handled
        .then(
          (result) => {
            noteLeft(name, container);
            return resolve({ kind: 'done', result });
          },
          (error: unknown) => {
            world.noteSurprise(error);
            resolve({ kind: 'failed' });
          },
        )
        .finally(() => {
          cancel();
          forget();
        });
      const end = await promise;
      running -= 1;
      if (end.kind !== 'done') trace.note(name, end.kind);
      if (end.kind !== 'lost') idle.push(instance);
      return end;
    };
  }

  /** The platform stops a container whose run has ended: what it has begun to change may never be done. */
  function noteLeft(name: string, { underWay }: Worker['container']): void {
    const left = underWay().find((where) => !A_READ.test(where));
    if (left !== undefined) world.noteSurprise(new TypeError(`${name} has not waited for ${left}`));
  }

  const functions = {
    deliver: createFunction('deliver', 300 * SECOND_MS, createDeliver),
    ingest: createFunction('ingest', 300 * SECOND_MS, createIngest),
    sweep: createFunction('sweep', 50 * SECOND_MS, createSweep),
    uploads: createFunction('uploads', 15 * SECOND_MS, createUploads),
    uppy: createFunction('uppy', 15 * SECOND_MS, createUppy),
    attach: createFunction('attach', 29 * SECOND_MS, createAttach),
    files: createFunction('files', 15 * SECOND_MS, createFiles),
  };

  /** Brings the messages of a queue to its function. The function that it returns looks for more. */
  function bring(from: MessageQueue, run: typeof functions.deliver): () => void {
    let taken = 0;

    function poll(): void {
      while (taken < CONCURRENCY) {
        const isShuffled = faults.strikes('messageReordered', random);
        const message = from.receive((count) => (isShuffled ? random.int(0, count - 1) : 0));
        if (message === undefined) return;
        taken += 1;
        void handle(message).then(poll);
      }
    }

    /** A message that the function names as failed, or whose run ends badly, comes again. */
    async function handle(message: QueueMessage): Promise<void> {
      const { id, body } = message;
      const [uploadId] = UPLOAD_ID.exec(body) ?? [];
      if (world.isDoubled) void run(eventOf(message), uploadId);
      const end = await run(eventOf(message), uploadId);
      taken -= 1;
      if (end.kind === 'done' && end.result.batchItemFailures.length === 0) from.remove(id);
      else time.after(world.visibilityMs, poll);
    }

    return poll;
  }

  /** Every minute; one that would find nothing is not run. */
  function sweep(): void {
    time.after(MINUTE_MS, sweep);
    const isUseless = documents.due(time.now() + SWEEP_REACH_MS).length === 0 && !isListingDue();
    if (isUseless || faults.strikes('sweepSkipped', random)) return;
    for (let left = world.isDoubled ? 2 : 1; left > 0; left -= 1) {
      world.chronicle.sweeps.runs += 1;
      void functions.sweep(scheduledEvent);
    }
  }

  /** True while a sweep would list drops, and there are some. */
  function isListingDue(): boolean {
    if (world.config.ingest.admission === undefined || objects.under('ingest/').length === 0) return false;
    const { after, nextRound = 0 } = documents.find('state#ingest-listing') ?? {};
    return after !== undefined || Number(nextRound) <= time.now() + SWEEP_REACH_MS;
  }

  /** One call of the API. When the function does not end well, the gateway answers in its place. */
  async function api(call: HttpCall): Promise<HttpAnswer> {
    const [, path = ''] = call.route.split(' ');
    const end = await functions[functionFor(path)](httpEvent(call));
    if (end.kind === 'lost') return { status: 503, headers: {}, body: { message: 'Service Unavailable' } };
    if (end.kind === 'failed')
      return { status: 500, headers: {}, body: { message: 'Internal Server Error' } };
    const { statusCode = 0, headers = {}, body = '' } = end.result;
    trace.note('api', `answers ${statusCode}`, call.parameters?.['id'] ?? call.parameters?.['uploadId']);
    return { status: statusCode, headers, body: body === '' ? undefined : JSON.parse(body) };
  }

  /** An operator has one upload tried again in its owner's place; true when that will be done. */
  const redrive = createFunction('operator', HOUR_MS, (services) => async (id: string) => {
    const { ledger } = services();
    const upload = await ledger.find(id);
    const note = { by: 'operator', reason: 'simulated' };
    return upload !== undefined && 'status' in (await tryAgain(services(), upload, note));
  });

  /** An operator takes a link back in its owner's place; true when it is taken back. */
  const removeLink = createFunction('operator', HOUR_MS, (services) => async (id: string) => {
    const { ledger } = services();
    const now = world.time.now();
    const { upload } = await ledger.change(id, (before) => remove(before, { by: 'operator', now }));
    return upload.status === 'removed';
  });

  world.pollers.deliveries = bring(queue, functions.deliver);
  world.pollers.ingestedDeliveries = bring(ingestedQueue, functions.deliver);
  world.pollers.offers = bring(ingestQueue, functions.ingest);
  if (missing !== 'sweep') time.after(random.int(0, MINUTE_MS), sweep);
  return {
    api,
    redrive: async (id: string): Promise<boolean> => {
      const end = await redrive(id, id);
      return end.kind === 'done' && end.result;
    },
    removeLink: async (id: string): Promise<boolean> => {
      const end = await removeLink(id, id);
      return end.kind === 'done' && end.result;
    },
    isIdle: () => running === 0,
  };
}

/** The queue's id of a message stays the same however often it comes. */
function eventOf({ id, body }: QueueMessage): ReturnType<typeof queueEvent> {
  const { Records: records } = queueEvent(body);
  return { Records: records.map((record) => ({ ...record, messageId: `message-${id}` })) };
}

function functionFor(path: string): 'uploads' | 'uppy' | 'attach' | 'files' {
  if (path.startsWith('/v1/uppy')) return 'uppy';
  if (path.startsWith('/v1/files')) return 'files';
  return path.startsWith('/v1/ipdprojectservice') ? 'attach' : 'uploads';
}
