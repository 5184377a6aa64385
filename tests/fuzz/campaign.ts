/**
 * A campaign: so many inputs from one seed against the functions of serverless.yml in this process, over the
 * embedded parts in another. Counts what was answered and what went wrong, and watches the memory.
 */
import { fork } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { z } from 'zod';
import { lambdaContext } from '../support/lambda-event.ts';
import { checkAnswer, takeLeaks, watch } from '../support/secrets.ts';
import { inputsFor } from './inputs.ts';
import type { Input } from './inputs.ts';
import type { Issued } from './messages.ts';
import { judge, judgeReceived } from './oracle.ts';
import type { Judged } from './oracle.ts';
import { findTargets, loadHandlers } from './targets.ts';
import type { Target } from './targets.ts';

type Options = {
  inputs: number;
  seed: number;
  onProgress?: ((done: number, heapMb: number) => void) | undefined;
};

/** Inputs that are under way together. */
const TOGETHER = 8;
const ISSUED_KEPT = 300;
/** The path parameters that name an issued id or ticket. */
const NAMES = ['id', 'ticket', 'uploadId'];
/** The function that waits for IPD keeps a margin of 3 s, so it does not wait at all. */
const REMAINING_MS = 3_000;
const DELIVERY_MS = 60_000;
/** How many times a campaign reads the memory in use. */
const SAMPLES = 10;
/** A queue's messages are of many kinds; a sweep reads everything that is due. */
const WEIGHTS = { route: 20, queue: 60, schedule: 3 };
const MAX_FAILURES = 20;
/** The product's last log lines, which may show the cause of a failure. */
const ERRORS_SHOWN = 2;

const started = z.object({ environment: z.record(z.string(), z.string()) });
const given = z.object({
  id: z.uuid().optional(),
  uploadId: z.uuid().optional(),
  key: z.string().optional(),
  companionEndpoint: z.string().optional(),
});
const claimsOf = z.object({
  requestContext: z.object({
    authorizer: z.object({ jwt: z.object({ claims: z.object({ sub: z.string() }) }) }),
  }),
});

/** Runs the inputs; `onProgress` gets the memory in use now and then. */
export async function runCampaign({ inputs, seed, onProgress }: Options) {
  const ends = fork(new URL('ends.ts', import.meta.url), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const [message] = await once(ends, 'message');
  const { environment } = started.parse(message);
  const before = { ...process.env };
  Object.assign(process.env, environment);
  const startedAt = performance.now();
  try {
    const played = await playAll({ inputs, seed, onProgress });
    const list = await fetch(`${environment['IPD_ENDPOINT']}/__admin/attachments`);
    const ipd = judgeReceived(await list.json());
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const peakRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
    return { seed, seconds, ...played, ipd, peakRssMb };
  } finally {
    for (const name of Object.keys(environment)) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, before);
    ends.disconnect();
    await once(ends, 'exit');
  }
}

async function playAll({ inputs, seed, onProgress }: Options) {
  const targets = new Map(findTargets().map((target) => [target.name, target]));
  const handlers = await loadHandlers([...targets.values()]);
  const memory = createMemory();
  const routes: Record<string, Record<string, number>> = {};
  const failures: string[] = [];
  const heapMb: number[] = [];
  const every = Math.max(1, Math.floor(inputs / TOGETHER / SAMPLES));
  let rounds = 0;
  let done = 0;

  const said: string[] = [];
  const onLine = (line: unknown): void => {
    if (!String(line).includes('"level":"ERROR"')) return;
    said.push(String(line));
    if (said.length > ERRORS_SHOWN) said.shift();
  };

  async function play({ target: name, toEvent, pick }: Input): Promise<void> {
    const target = targets.get(name);
    if (target === undefined) throw new Error(`there is no ${name}`);
    const bearer = memory.recall(pick, target);
    const event = toEvent(bearer);
    const context = lambdaContext(target.kind === 'route' ? REMAINING_MS : DELIVERY_MS);
    try {
      const answer = await handlers.get(target.handler)?.(event, context);
      const judged = judge(target, event, answer);
      checkAnswer(name, Number(judged.status), JSON.stringify(answer ?? null));
      const seen = (routes[name] ??= {});
      seen[judged.status] = (seen[judged.status] ?? 0) + 1;
      if (/^20\d$/.test(judged.status)) memory.learn({ event, bearer, ...judged });
    } catch (error) {
      failures.push([name, String(error), ...said, JSON.stringify(event)].map(cut).join(' '));
    }
    done += 1;
  }

  async function playSome(some: Input[]): Promise<void> {
    if (rounds % every === 0) {
      heapMb.push(measureHeap());
      onProgress?.(done, heapMb.at(-1) ?? 0);
    }
    rounds += 1;
    await Promise.all(some.map(play));
    if (failures.length >= MAX_FAILURES) throw new Error('that is enough');
  }

  const note = (reason: unknown): void => void failures.push(`not caught: ${cut(String(reason))}`);
  process.on('unhandledRejection', note).on('uncaughtException', note);
  subscribe('product-line', onLine);
  const stopWatching = watch();
  try {
    const property = fc.asyncProperty(together([...targets.values()]), playSome);
    await fc.check(property, { numRuns: Math.ceil(inputs / TOGETHER), seed, endOnFailure: true });
    heapMb.push(measureHeap());
    return { inputs: done, failures: [...failures, ...takeLeaks().leaks.map(cut)], heapMb, routes };
  } finally {
    stopWatching();
    unsubscribe('product-line', onLine);
    process.off('unhandledRejection', note).off('uncaughtException', note);
  }
}

/** The ids and tickets that the product gave out last, and the user of each. */
function createMemory() {
  const issued: Issued[] = [];

  function learn({
    event,
    bearer,
    body,
    created,
  }: Judged & { event: object; bearer: Issued | undefined }): void {
    const { companionEndpoint, ...values } = given.safeParse(JSON.parse(body)).data ?? {};
    const id = values.id ?? values.uploadId ?? created;
    const owner = claimsOf.safeParse(event).data?.requestContext.authorizer.jwt.claims.sub ?? bearer?.owner;
    if (owner === undefined || (id ?? companionEndpoint) === undefined) return;
    const ticket = companionEndpoint?.split('/').at(-1) ?? bearer?.values['ticket'];
    const named = Object.entries({ ...values, id, ticket }).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, value]],
    );
    issued.push({ owner, values: Object.fromEntries(named) });
    if (issued.length > ISSUED_KEPT) issued.shift();
  }

  /** An issued id or ticket that the target can use, if there is one. */
  function recall(pick: number | undefined, { kind, name }: Target): Issued | undefined {
    if (pick === undefined) return undefined;
    const needs = kind === 'queue' ? ['id'] : NAMES.filter((one) => name.includes(`{${one}}`));
    const fitting = issued.filter(({ values }) => needs.every((one) => one in values));
    return fitting.at(-1 - (pick % Math.max(fitting.length, 1)));
  }

  return { learn, recall };
}

/** Inputs that are under way at the same time. */
function together(targets: Target[]): fc.Arbitrary<Input[]> {
  const any = fc.oneof(
    ...targets.map((target) => ({ weight: WEIGHTS[target.kind], arbitrary: inputsFor(target) })),
  );
  return fc.array(any, { minLength: TOGETHER, maxLength: TOGETHER });
}

/** The heap in use after a garbage collection, in MB. */
function measureHeap(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  return Math.round(process.memoryUsage().heapUsed / 1e5) / 10;
}

/** Shortens a text, so that the report stays readable. */
function cut(text: string): string {
  return text.length > 1500 ? `${text.slice(0, 1500)}… (${text.length} characters)` : text;
}
