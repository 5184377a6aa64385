/**
 * An IPD tenant as the probe uses it: through the bridge's own client, but the probe reads more of the answers. Each
 * file has its own size, so the probe finds it in the list even when IPD's answer has no id.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { systemClock } from '../../lib/runtime/clock.ts';
import { readCredentials } from '../../lib/runtime/config.ts';
import type { Config } from '../../lib/runtime/config.ts';
import { createIpdClient } from '../../lib/ipd/client.ts';
import type { WorkItem } from '../../lib/domain/upload.ts';
import type { Attachment, IpdClient } from '../../lib/ipd/client.ts';
import { parseJson, redact } from '../../lib/ipd/errors.ts';
import { readText } from '../../lib/ipd/wire.ts';
import type { RecordedRequest } from '../../local/ipd/transcript.ts';
import type { RawAnswer } from './transcript.ts';
import type { Send, WireAnswer, WireRequest } from '../../lib/ipd/wire.ts';
import type { Sink } from '../../lib/runtime/stream.ts';
import { fetchSecret, openWays } from '../../lib/services.ts';
import { KIB, MINUTE_MS } from '../../lib/domain/units.ts';
import { fill, Trouble } from '../texts.ts';

export type Auth = 'aksk' | 'token';

/** IPD's answer to one file. */
export type Sample = {
  size: number;
  taken: boolean;
  throttled: boolean;
  /** Refused, possibly for its size: IPD has no code for that, so the other documented reasons are excluded. */
  isTooLarge: boolean;
  attachmentId: string | null;
  /** In words, redacted. */
  answer: string;
  durationMs: number;
  status?: number | undefined;
  retryAfter?: string | undefined;
  /** The members that describe the attachment; empty when there is no description. */
  fields: string[];
  /** The gateway's headers about its limits. */
  rateHeaders: Record<string, string>;
};

export type Trial = { size?: number; filename?: string; chunked?: boolean; trickleSeconds?: number };

export type Tenant = Awaited<ReturnType<typeof openTenant>>;
export type Way = ReturnType<Tenant['way']>;

/** The codes of a refusal that a too large file may get. */
const SIZE_CODES = new Set(['too_large_for_ipd', 'ipd_refused']);
const CHUNK = Buffer.alloc(256 * KIB, 'probe ');
const SMALLEST = 1000;
/** Huawei's advice is 2 to 5 s: https://support.huaweicloud.com/intl/en-us/ocr_faq/ocr_01_0041.html */
const THROTTLED_PAUSE_MS = 3_000;
const LONGEST_PAUSE_MS = MINUTE_MS;
const MOST_TRIES = 10;
/** Makes the gateway tell its limits: https://support.huaweicloud.com/usermanual-apig/apig_03_0047.html */
const ASK_FOR_LIMITS = { 'x-apig-mode': 'debug' };

const withResult = z.object({ result: z.unknown().optional() });
const described = z.object({ result: z.array(z.looseObject({})).min(1) });

/** Gets what was asked and answered; no answer where none came. */
export type RecordExchange = (asked: RecordedRequest, answer: RawAnswer | undefined) => void;

/** Reads the credentials that the settings name or contain, and opens the tenant. Throws when there are none. */
export async function openTenant(
  ipd: Config['ipd'],
  {
    item,
    record = () => undefined,
    signal,
  }: { item: WorkItem; record?: RecordExchange | undefined; signal: AbortSignal },
) {
  if (ipd.credentials === undefined) {
    throw new Trouble(({ ops }) => ops.probe.needsCredentials);
  }
  const credentials = readCredentials(await fetchSecret(ipd.credentials));
  const auths: Auth[] = [
    ...(credentials.accessKey && ipd.auth !== 'token' ? (['aksk'] as const) : []),
    ...(credentials.user && ipd.auth !== 'aksk' ? (['token'] as const) : []),
  ];
  const open = await openWays(ipd);
  const send: Send = (request) =>
    seen(open, request, (answer) => record({ operation: isForToken(request) ? 'token' : 'list' }, answer));
  let samples = 0;
  const wait = (ms: number): Promise<void> => pause(ms, undefined, { signal });

  /** A client of its own, which sends one file at a time. */
  function way(auth: Auth) {
    let asked: Extract<RecordedRequest, { operation: 'upload' }> | undefined;
    let answered: Partial<Sample> = {};

    const watch: Send = async (request) => {
      if (asked === undefined || !isUpload(request)) return send(request);
      const trial = asked;
      const { 'content-length': length, ...others } = request.headers;
      const headers = {
        ...others,
        ...ASK_FOR_LIMITS,
        ...(length !== undefined && !trial.chunked && { 'content-length': length }),
      };
      return seen(open, { ...request, headers }, (answer) => {
        if (answer !== undefined) answered = readAnswer(answer);
        record(trial, answer);
      });
    };
    const client = createIpdClient({ ...ipd, auth, credentials, clock: systemClock, send: watch });

    async function uploadOnce(trial: Trial = {}): Promise<Sample> {
      samples += 1;
      const {
        size = SMALLEST + samples,
        filename = `probe ${samples}.txt`,
        chunked = false,
        trickleSeconds = 0,
      } = trial;
      asked = { operation: 'upload', auth, filename, size, chunked, trickleSeconds };
      answered = {};
      const startedAt = performance.now();
      const sent = await client.upload({
        ...item,
        filename,
        contentType: 'text/plain',
        size,
        file: (sink) => pour(sink, { size, trickleSeconds, signal }),
        fence: async () => undefined,
        signal,
      });
      return {
        size,
        taken: sent.kind === 'stored',
        throttled: sent.kind === 'throttled',
        isTooLarge: sent.kind === 'refused' && SIZE_CODES.has(sent.code),
        attachmentId: sent.kind === 'stored' ? sent.attachmentId : null,
        answer: sent.kind === 'stored' ? 'taken' : sent.detail,
        durationMs: Math.round(performance.now() - startedAt),
        fields: [],
        rateHeaders: {},
        ...answered,
      };
    }

    /** Repeats `uploadOnce` while IPD throttles, at most MOST_TRIES times: a throttle says nothing about the file. */
    async function upload(trial: Trial = {}): Promise<Sample> {
      for (let tries = 1; ; tries += 1) {
        const sample = await uploadOnce(trial);
        if (!sample.throttled || tries === MOST_TRIES) return sample;
        await wait(pauseAfter(sample, THROTTLED_PAUSE_MS));
      }
    }

    return { auth, upload, uploadOnce };
  }

  const reader = createIpdClient({ ...ipd, credentials, clock: systemClock, send });

  /** Throws with IPD's message when IPD does not list the attachments. */
  async function list(): Promise<Attachment[]> {
    const listed = await reader.list(item, signal);
    if (listed.kind !== 'listed') {
      throw new Trouble(({ ops }) => fill(ops.probe.notListed, { detail: listed.detail }));
    }
    return listed.attachments;
  }

  let inProgress: { asked: RecordedRequest; answer?: RawAnswer | undefined } | undefined;
  const caller = createIpdClient({
    ...ipd,
    credentials,
    clock: systemClock,
    send: (request) =>
      seen(open, request, (answer) => {
        if (inProgress === undefined || isForToken(request)) record({ operation: 'token' }, answer);
        else {
          inProgress.answer = answer;
          record(inProgress.asked, answer);
        }
      }),
  });

  /**
   * One call about links or comments, repeated while IPD throttles, at most MOST_TRIES times: what it means, and the
   * `result` of the answer as it came. One at a time.
   */
  async function call<Outcome extends { kind: string }>(
    asked: RecordedRequest,
    ask: (client: IpdClient, item: WorkItem, signal: AbortSignal) => Promise<Outcome>,
  ): Promise<{ outcome: Outcome; result: unknown }> {
    for (let tries = 1; ; tries += 1) {
      inProgress = { asked };
      const outcome = await ask(caller, item, signal);
      if (outcome.kind !== 'throttled' || tries === MOST_TRIES) {
        return {
          outcome,
          result: withResult.safeParse(parseJson(inProgress.answer?.text ?? '')).data?.result,
        };
      }
      await wait(THROTTLED_PAUSE_MS);
    }
  }

  return { auths, way, list, call, wait, endpoint: ipd.endpoint, gateway: ipd.gateway };
}

/** As long as IPD asks for, or else `standardMs`. */
export function pauseAfter({ retryAfter }: Sample, standardMs: number): number {
  const seconds = Number(retryAfter ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.min(seconds * 1000, LONGEST_PAUSE_MS) : standardMs;
}

async function pour(
  sink: Sink,
  { size, trickleSeconds, signal }: { size: number; trickleSeconds: number; signal: AbortSignal },
): Promise<void> {
  const step = trickleSeconds > 0 ? Math.ceil(size / trickleSeconds) : CHUNK.length;
  for (let offset = 0; offset < size;) {
    const chunk = CHUNK.subarray(0, Math.min(step, CHUNK.length, size - offset));
    await sink(chunk);
    offset += chunk.length;
    if (trickleSeconds > 0) await pause(1000, undefined, { signal });
  }
}

function isUpload({ method, url }: WireRequest): boolean {
  return method === 'POST' && url.pathname.endsWith('/upload');
}

function isForToken({ url }: WireRequest): boolean {
  return url.pathname.endsWith('/auth/tokens');
}

/** Sends, reads the whole answer for `see`, and hands it on. */
async function seen(
  send: Send,
  request: WireRequest,
  see: (answer: RawAnswer | undefined) => void,
): Promise<WireAnswer> {
  try {
    const answer = await send(request);
    const text = await readText(answer.body);
    see({ status: answer.status, headers: answer.headers, text });
    return { ...answer, body: Readable.from([Buffer.from(text)]) };
  } catch (error) {
    see(undefined);
    throw error;
  }
}

function readAnswer({ status, headers, text }: RawAnswer): Partial<Sample> {
  const body = described.safeParse(parseJson(text)).data;
  const rates = Object.entries(headers).filter(([name]) => name.startsWith('x-apig-ratelimit'));
  return {
    status,
    retryAfter: headers['retry-after'],
    fields: Object.keys(body?.result[0] ?? {}),
    rateHeaders: Object.fromEntries(rates.map(([name, value]) => [name, redact(value ?? '')])),
  };
}
