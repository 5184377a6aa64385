/**
 * Counts what a world's functions ask of its ends: by command, and for each upload the messages that ask for its
 * delivery. It changes no call and no answer.
 */
import { PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { readMessage } from '../../lib/messaging/queue.ts';
import { MINUTE_MS } from '../../lib/domain/units.ts';
import type { World } from './world.ts';

/** Within this time the design never asks for one attempt twice: a queued delivery may take so long to begin. */
const PATIENCE_MS = 14 * MINUTE_MS;

export type Meter = ReturnType<typeof createMeter>;

/** Counts from now on. */
export function createMeter(world: World) {
  const { documents, objects, queue, topic, time } = world;
  /** By end and command: `table Get`, `index Query`, `storage GetObject`, `IPD list`. */
  const calls: Record<string, number> = {};
  /** Rows that queries of the index of due records returned. */
  let rows = 0;
  /** When each upload was delivered. */
  const deliveredAt = new Map<string, number>();
  const askedAt = new Map<string, { attempt: number; at: number }>();
  const asked: { id: string; at: number }[] = [];
  let askedTwice = 0;
  const requests: number[] = [];
  const sweeps = { runs: 0, longestMs: 0, cutShort: 0, mostReads: 0 };

  const count = (what: string): void => {
    calls[what] = (calls[what] ?? 0) + 1;
  };
  const nameOf = (command: object): string => command.constructor.name.replace('Command', '');

  const ends = {
    documents: documents.execute,
    objects: objects.execute,
    queue: queue.execute,
    topic: topic.execute,
  };
  documents.execute = (command, lag) => {
    if (command instanceof PutCommand) {
      const { id, status } = command.input.Item ?? {};
      const isNew = status === 'delivered' && !deliveredAt.has(String(id));
      const answer = ends.documents(command, lag);
      if (isNew) deliveredAt.set(String(id), time.now());
      count(String(command.input.Item?.['pk']).startsWith('upload#') ? 'write record' : 'write other');
      return answer;
    }
    const answer = ends.documents(command, lag);
    if (command instanceof QueryCommand) {
      // The sweep also counts what is open, now and then.
      const isOfDue = command.input.KeyConditionExpression?.includes('#due') === true;
      count(isOfDue ? 'query due' : 'query other');
      if (isOfDue && 'Items' in answer && Array.isArray(answer.Items)) rows += answer.Items.length;
    } else count(`${nameOf(command)} item`);
    return answer;
  };
  objects.execute = (command, reading) => {
    count(nameOf(command));
    return ends.objects(command, reading);
  };
  topic.execute = (command) => {
    count('Publish');
    return ends.topic(command);
  };
  queue.execute = (command) => {
    count(nameOf(command));
    if (command instanceof SendMessageCommand) note(command.input.MessageBody ?? '');
    return ends.queue(command);
  };
  world.rules.of = ({ operation }) => {
    count(`IPD ${operation}`);
    if (operation !== 'token') requests.push(time.now());
    return undefined;
  };

  function note(body: string): void {
    const message = readMessage(body);
    if (message?.kind !== 'request') return;
    const { uploadId, attempt } = message.request;
    const before = askedAt.get(uploadId);
    if (before?.attempt === attempt && time.now() - before.at < PATIENCE_MS) askedTwice += 1;
    askedAt.set(uploadId, { attempt, at: time.now() });
    asked.push({ id: uploadId, at: time.now() });
  }

  /** Runs a sweep, and keeps its time and its reads. */
  async function sweep(run: () => Promise<unknown>, signal: AbortSignal): Promise<void> {
    const [began, before] = [time.now(), reads()];
    await run();
    sweeps.runs += 1;
    sweeps.longestMs = Math.max(sweeps.longestMs, time.now() - began);
    sweeps.mostReads = Math.max(sweeps.mostReads, reads() - before);
    if (signal.aborted) sweeps.cutShort += 1;
  }

  const reads = (): number => (calls['Get item'] ?? 0) + (calls['query due'] ?? 0);

  return {
    calls,
    sweeps,
    sweep,
    deliveredAt,
    asked,
    reads,
    rows: () => rows,
    askedTwice: () => askedTwice,
    /** The most requests to IPD in any minute, tokens left out. */
    peakPerMinute: () => peak(requests),
  };
}

/** The most of them within any minute; they come in order. */
function peak(times: readonly number[]): number {
  let first = 0;
  let most = 0;
  for (const [index, at] of times.entries()) {
    while ((times[first] ?? at) <= at - MINUTE_MS) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}
