/**
 * The kinds of faults, as data: each kind is one row that turns its options into a plan, and the rest of the fake IPD
 * knows only the plan. `fault-rules.ts` decides which request gets which fault.
 */
import { z } from 'zod';
import {
  deadTokenRefusal,
  failedWithin200,
  otherElements,
  gatewayRefusal,
  htmlPage,
  keyLockedRefusal,
  LIST_LIMIT,
  notPublished,
  serviceRefusal,
  signatureRefusal,
  success,
  throttledRefusal,
  throttledServiceRefusal,
  type FileSizeAs,
} from './replies.ts';
import type { Done, Element, Reply } from './types.ts';

type FaultContext = {
  issueId: string;
  fileSizeAs: FileSizeAs;
  canonicalRequest: string;
  /** The answer without the fault. */
  real: Reply;
  /** What the operation did, for an answer that names other elements. */
  done: Done;
};

export type Plan = {
  /** Acts before the body is read. */
  isEarly: boolean;
  /** Whether IPD does what is asked (keeps a file, deletes a link), and how much later. */
  isStored: boolean;
  /** How many times it keeps a file, a link or a comment. */
  copies: number;
  storedAfterSeconds: number;
  listDelaySeconds: number;
  /** Stops reading in the middle of the body for a while, then goes on or resets. */
  interrupt: { afterBytes: number; seconds: number; resets: boolean } | undefined;
  /** The pause between the work and its answer. */
  pauseSeconds: number;
  killsTokens: boolean;
  /** Absent: the real answer is sent. */
  answer: ((context: FaultContext) => Reply | 'reset') | undefined;
};

export const noFault: Plan = {
  isEarly: false,
  isStored: true,
  copies: 1,
  storedAfterSeconds: 0,
  listDelaySeconds: 0,
  interrupt: undefined,
  pauseSeconds: 0,
  killsTokens: false,
  answer: undefined,
};

const seconds = z.number().nonnegative();
const count = z.number().int().nonnegative();
const answering = {
  stored: z.boolean().optional(),
  early: z.boolean().optional(),
  delaySeconds: seconds.default(0),
};

type Answering = { stored?: boolean | undefined; early?: boolean | undefined; delaySeconds: number };

type FixedAnswer = { answer: (context: FaultContext) => Reply; isStored?: boolean; isEarly?: boolean };

/** Kinds without options of their own: their answer, and whether IPD does what is asked by default. */
const fixedAnswers: Record<string, FixedAnswer> = {
  nullResult: { answer: () => success(null), isStored: true },
  emptyResult: { answer: naming(() => []), isStored: true },
  resultWithoutId: { answer: naming(({ named: [one] }) => [{ ...one, id: undefined }]), isStored: true },
  /** Names an attachment or a link that was there before, from another upload or a person. */
  earlierResult: { answer: naming(({ held }) => held().slice(0, 1)), isStored: true },
  /** Names all attachments or links of the work item. */
  wholeResult: { answer: naming(({ held }) => held()), isStored: true },
  /** Names the new attachment with another size. */
  otherSize: { answer: naming(({ named: [one] }) => [{ ...one, filesize: 1 }]), isStored: true },
  /** A success whose only element is under what failed, as the SDK has it. */
  namedAsFailed: { answer: () => success({ success: [], fail: [{}] }) },
  /** The list does not show the newest row. */
  hiddenRow: { answer: naming(({ named }) => named.slice(0, -1)) },
  sizelessList: { answer: naming(({ named }) => named.map(({ file_size: _size, ...row }) => row)) },
  truncatedJson: { answer: ({ real }) => truncated(real), isStored: true },
  htmlSuccess: { answer: () => htmlPage(200, 'OK'), isStored: true },
  error200: { answer: () => failedWithin200('error', 'Upload failed.') },
  failed200: { answer: () => failedWithin200('failed', 'Upload failed.') },
  /** Asks the caller to try later, and does not say whether the file was stored. */
  tryLater200: { answer: () => failedWithin200('error', 'Internal error, please try again later.') },
  serviceThrottled: { answer: () => throttledServiceRefusal() },
  invalidToken: { answer: () => serviceRefusal('PM.10001002', 'Invalid token.') },
  noPermission: { answer: () => serviceRefusal('PM.02174103', 'No permission.') },
  projectMissing: {
    answer: () => serviceRefusal('PM.02152005', 'The project does not exist or was deleted.'),
  },
  undefinedError: { answer: () => serviceRefusal('PM.02152002', 'Undefined error.') },
  emojiRefused: { answer: () => serviceRefusal('PM.02101004', 'The text holds characters of four bytes.') },
  signatureFailed: { answer: ({ canonicalRequest }) => signatureRefusal(canonicalRequest) },
  keyLocked: { answer: () => keyLockedRefusal() },
  tokenExpired: { answer: () => deadTokenRefusal('gateway') },
  notAllowed: { answer: () => gatewayRefusal(403, '0302', 'The IAM user is not authorized.') },
  notPublished: { answer: () => notPublished() },
  bodyTooLarge: { answer: () => gatewayRefusal(413, '0201', 'Request entity too large.'), isEarly: true },
  internalError: { answer: () => gatewayRefusal(500, '0201', 'Backend error.') },
  badGateway: { answer: () => gatewayRefusal(502, '0201', 'Backend unavailable.') },
  gatewayTimeout: { answer: () => gatewayRefusal(504, '0201', 'Backend timeout.') },
  iamUnavailable: { answer: () => gatewayRefusal(503, '0613', 'The IAM service is unavailable.') },
  htmlError: { answer: () => htmlPage(502, '502 Bad Gateway') },
  emptyError: { answer: () => ({ status: 504 }) },
};

const kinds: Record<string, z.ZodType<Plan>> = {
  ...Object.fromEntries(Object.entries(fixedAnswers).map(([name, row]) => [name, fixedKind(row)])),

  /** The answer that the rule gives. */
  answer: kind(
    {
      ...answering,
      status: z.number().int().min(200).max(599),
      headers: z.record(z.string().toLowerCase(), z.string()).default({}),
      body: z.json().default(''),
    },
    ({ status, headers, body, ...options }) => ({
      ...timing(options),
      answer: () => ({ status, headers, ...(typeof body === 'string' ? { text: body } : { json: body }) }),
    }),
  ),
  /** The gateway's 429; without `retryAfterSeconds` it has no Retry-After. */
  throttled: kind(
    { ...answering, retryAfterSeconds: count.optional() },
    ({ retryAfterSeconds, ...options }) => ({
      ...timing(options),
      answer: () => throttledRefusal(retryAfterSeconds),
    }),
  ),
  /** Resets the connection after `afterBytes` of the body, then nothing is stored; without it, after the whole body. */
  reset: kind(
    { afterBytes: count.optional(), stored: z.boolean().default(false) },
    ({ afterBytes, stored }) => ({
      isStored: stored && afterBytes === undefined,
      interrupt: afterBytes === undefined ? undefined : { afterBytes, seconds: 0, resets: true },
      answer: () => 'reset',
    }),
  ),
  /** The file is stored and the answer is lost. */
  lostAnswer: kind({}, () => ({ answer: () => 'reset' })),
  /** Stores the file of one request more than once, as when a gateway repeats a request without an answer. */
  storedTwice: kind({ answer: z.enum(['real', 'reset']).default('real') }, ({ answer }) => ({
    copies: 2,
    answer: answer === 'reset' ? () => 'reset' : undefined,
  })),
  /** The connection ends in the middle of the answer. */
  cutAnswer: kind({ afterBytes: count }, ({ afterBytes }) => ({
    answer: ({ real }) => ({ ...real, cutAfterBytes: afterBytes }),
  })),
  /** Stops reading after `afterBytes`, then goes on. */
  stall: kind({ afterBytes: count, seconds }, (options) => ({ interrupt: { ...options, resets: false } })),
  /** Reads the whole request and answers late; with `stored: false` it drops the file and resets the connection. */
  slowAnswer: kind({ seconds, stored: z.boolean().default(true) }, (options) => ({
    isStored: options.stored,
    pauseSeconds: options.seconds,
    answer: options.stored ? undefined : () => 'reset',
  })),
  /** Fails now; the file appears later. */
  storedLater: kind(
    { afterSeconds: seconds, answer: z.enum(['gatewayTimeout', 'reset']).default('gatewayTimeout') },
    ({ afterSeconds, answer }) => ({
      storedAfterSeconds: afterSeconds,
      answer: () => (answer === 'reset' ? 'reset' : gatewayRefusal(504, '0201', 'Backend timeout.')),
    }),
  ),
  /** The list shows this attachment only after a while. */
  listDelay: kind({ seconds }, (options) => ({ listDelaySeconds: options.seconds })),
  /** The list shows `count` attachments of other people. */
  listOf: kind({ count: count.max(LIST_LIMIT), fileSize: count.default(1) }, (options) => ({
    answer: ({ issueId, fileSizeAs }) => success(otherElements({ ...options, issueId, fileSizeAs })),
  })),
  /** All tokens become invalid at once, including that of this request. */
  tokenDeath: kind({}, () => ({
    isEarly: true,
    isStored: false,
    killsTokens: true,
    answer: () => deadTokenRefusal('gateway'),
  })),
};

/** A fault as given, turned into its plan. */
export const faultSchema = z
  .looseObject({ kind: z.string() })
  .transform(({ kind: name, ...options }, context): Plan => {
    const read = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    const parsed = read?.safeParse(options);
    if (parsed?.success === true) return parsed.data;
    for (const issue of parsed?.error.issues ?? []) {
      context.addIssue({ code: 'custom', message: `${name}: ${issue.message}`, path: issue.path });
    }
    if (read === undefined) {
      const names = Object.keys(kinds).toSorted().join(', ');
      context.addIssue({
        code: 'custom',
        message: `unknown kind ${name}; there are ${names}`,
        path: ['kind'],
      });
    }
    return z.NEVER;
  });

function kind<Shape extends z.ZodRawShape>(
  shape: Shape,
  plan: (options: z.output<z.ZodObject<Shape, z.core.$strict>>) => Partial<Plan>,
): z.ZodType<Plan> {
  return z.strictObject(shape).transform((options) => ({ ...noFault, ...plan(options) }));
}

function fixedKind(row: FixedAnswer): z.ZodType<Plan> {
  return kind(answering, (options) => ({ ...timing(options, row), answer: row.answer }));
}

function timing(options: Answering, row: Partial<FixedAnswer> = {}): Partial<Plan> {
  const isEarly = options.early ?? row.isEarly ?? false;
  const isStored = !isEarly && (options.stored ?? row.isStored ?? false);
  return { isEarly, isStored, pauseSeconds: options.delaySeconds };
}

/** The answer with other elements; unchanged where it names none, as that to a request that was refused. */
function naming(choose: (done: Required<Pick<Done, 'named' | 'held'>>) => Element[]): FixedAnswer['answer'] {
  return ({ real, done: { named, held, frame } }) =>
    named === undefined || held === undefined || frame === undefined ? real : frame(choose({ named, held }));
}

function truncated(real: Reply): Reply {
  const text = JSON.stringify(real.json ?? {});
  return { status: real.status, text: text.slice(0, Math.ceil(text.length / 2)) };
}
