/**
 * What an answer of IPD means, as one table: HTTP status first, then the code in the body. Pure. It never says "sent
 * again": how much had been sent decides whether an unclear answer is a doubt.
 * Sources: https://support.huaweicloud.com/intl/en-us/api-projectman/ErrorCode.html (PM.*),
 * https://support.huaweicloud.com/devg-apisign/api-sign-errorcode.html (APIGW.*, APIG.*).
 */
import * as z from 'zod';
import type { FailureCode } from '../domain/errors.ts';

export type Verdict =
  /** `status` is "success"; what `result` holds is for the caller to read. `requestId`: what Huawei's support asks for. */
  | { kind: 'success'; body: unknown; requestId?: string | undefined }
  /**
   * IPD asks to try later. `isRefusal`: by a documented code that stands for a refusal before processing, so nothing
   * was stored. A text or a status alone does not prove that: a proxy may have sent it.
   */
  | { kind: 'throttled'; isRefusal: boolean; retryAfterMs?: number; detail: string }
  /** The token is not valid any more. One try with a fresh one may help. */
  | { kind: 'token_dead'; detail: string }
  /**
   * The service was not reached: nothing was stored, try later. `isContradiction`: its answer cannot be true. `isOutage`:
   * every call meets it, since there is no way to IPD, or IAM gives no token.
   */
  | { kind: 'unavailable'; detail: string; isContradiction?: boolean; isOutage?: true }
  /** IPD may have done what was asked. */
  | { kind: 'unconfirmed'; detail: string }
  /** IPD refuses our credentials. A quick repetition locks the access key, so all deliveries have to wait. */
  | { kind: 'locked_out'; detail: string }
  /** No retry can help. */
  | { kind: 'refused'; code: FailureCode; detail: string };

export type Failure = Exclude<Verdict, { kind: 'success' }>;

export type RawAnswer = { status: number; headers: Record<string, string | undefined>; text: string };

type Rule = {
  status?: readonly number[] | ((status: number) => boolean);
  /** The service's code, or the gateway's number without its prefix. */
  code?: RegExp;
  message?: RegExp;
  verdict: Exclude<Verdict['kind'], 'success' | 'refused'> | FailureCode;
};

const server = (status: number): boolean => status >= 500;

/** The first rule that fits decides. */
const RULES: readonly Rule[] = [
  // PM.02153001 is a throttle with status 400. The fourth rule is for texts that come with status 200.
  { code: /^PM\.02153001$/, verdict: 'throttled' },
  { status: [429], code: /^gw\.0308$/, verdict: 'throttled' },
  { status: [429], verdict: 'throttled' },
  {
    status: [200],
    message: /frequency is too high|too many requests|too frequent|over ratelimit|try again later/i,
    verdict: 'throttled',
  },

  { code: /^PM\.10001002$/, verdict: 'token_dead' },
  { status: [401], code: /^gw\.0307$/, verdict: 'token_dead' },
  { status: [401], message: /token expires|decrypt token fail/i, verdict: 'token_dead' },
  { status: [401], verdict: 'locked_out' },

  { status: [413], verdict: 'too_large_for_ipd' },
  { code: /^PM\.02101004$/, verdict: 'name_refused' },
  { code: /^PM\.(02150404|02152005|02175104)$/, verdict: 'work_item_missing' },
  { code: /^PM\.(02150010|0215030[1-5]|02174103|02177003|02175103)$/, verdict: 'ipd_forbidden' },
  // "Undefined error": this does not prove that nothing was stored.
  { code: /^PM\.02152002$/, verdict: 'unconfirmed' },
  { status: [403], verdict: 'ipd_forbidden' },

  // IAM did not answer the gateway, so the service was never asked.
  { status: [503], code: /^gw\.0613$/, verdict: 'unavailable' },
  // The gateway does not find the API or its backend. This lasts for minutes while Huawei changes it.
  { status: [404], code: /^gw\.010[13]$/, verdict: 'unavailable' },
  // No code: the page of a gateway or a proxy, which knows nothing of the work item.
  { status: [404], code: /^$/, verdict: 'unconfirmed' },
  // The gateway lacks a plug-in, setting or orchestration: also a 500, but not a temporary one.
  { code: /^gw\.010[456]$/, verdict: 'ipd_refused' },
  { status: [408], verdict: 'unconfirmed' },
  { status: server, verdict: 'unconfirmed' },

  { status: (status) => status >= 400, verdict: 'ipd_refused' },
  // 200 without `status: "success"`: the service itself has reported a failure.
  { status: [200], verdict: 'ipd_refused' },
  // 1xx, 3xx and other 2xx: nothing that IPD is documented to send.
  { verdict: 'unconfirmed' },
];

const word = z.string().optional().catch(undefined);

/** Every shape an error was seen in; a field of another type counts as absent. */
const answerBody = z
  .object({
    status: word,
    error_code: word,
    error_msg: word,
    code: word,
    message: word,
    error: z
      .object({ code: z.coerce.string().optional().catch(undefined), message: word })
      .optional()
      .catch(undefined),
    request_id: word,
  })
  .catch({});

/**
 * Reads an answer of any shape that IPD, its gateway or a proxy before it may send. `names`: the names in our
 * credentials, which IPD's message may contain and users must not read.
 */
export function classify(answer: RawAnswer, names: readonly string[] = []): Verdict {
  const body = parseJson(answer.text);
  const fields = answerBody.parse(body);
  const requestId = (answer.headers['x-request-id'] ?? fields.request_id)?.slice(0, 64);
  if (answer.status === 200 && fields.status === 'success') return { kind: 'success', body, requestId };
  const code = (fields.error_code ?? fields.code ?? fields.error?.code ?? '').replace(/^APIG(W)?\./, 'gw.');
  const message = fields.error_msg ?? fields.message ?? fields.error?.message ?? '';
  if (answer.status === 200 && fields.status === undefined && code === '') {
    return { kind: 'unconfirmed', detail: 'HTTP 200 with a body that cannot be read' };
  }
  const rule = RULES.find((candidate) => matches(candidate, { status: answer.status, code, message }));
  const detail = describe({ status: answer.status, code, message: withhold(message, names), requestId });
  return decide(rule ?? { verdict: 'unconfirmed' }, detail, answer);
}

/** Removes our names from IPD's message: as whole words, in any letter case. */
function withhold(text: string, names: readonly string[]): string {
  return names
    .toSorted((one, other) => other.length - one.length)
    .map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
    .reduce(
      (words, name) => words.replaceAll(new RegExp(`(?<![a-z0-9])${name}(?![a-z0-9])`, 'gi'), '[redacted]'),
      text,
    );
}

const SLASH = String.raw`(?:\\?/|&#(?:47|x2f);|%(?:25)*2f)`;
/** The route of a linked file, plain or escaped for JSON, HTML or a URL. What comes after the upload's id is the secret. */
const LINKED_FILE = new RegExp(
  String.raw`(v1${SLASH}files${SLASH}(?:(?!${SLASH})[\w.~-])+${SLASH})(?:(?!${SLASH})[^\s"'<>\\|])+`,
  'gi',
);

/**
 * Removes from a text that is kept: the server's echo of a signed request, the ids of a key and an account, the secret
 * of a linked file, and anything like a secret.
 */
export function redact(text: string): string {
  return text
    .replaceAll(/(canonical\s*request|canonicalRequest)\b[\s\S]*/gi, '$1 [redacted]')
    .replaceAll(
      /\b(authorization|x-auth-token|x-security-token|x-subject-token)\b"?\s*[:=][^|\n]*/gi,
      '$1:[redacted]',
    )
    .replaceAll(LINKED_FILE, '$1[redacted]')
    .replaceAll(/\b(Access|Signature|SignedHeaders)=[^\s,|]+/g, '$1=[redacted]')
    .replaceAll(/\b((?:ak|access[ _-]?key(?:[ _-]?id)?)["'\s:=]+)[A-Z0-9]{16,}\b/gi, '$1[redacted]')
    .replaceAll(/\b((?:domain|account|user|tenant)[ _-]?(?:id)?["'\s:=]+)[0-9a-f]{32}\b/gi, '$1[redacted]')
    .slice(0, 300);
}

function decide({ verdict, code }: Rule, detail: string, answer: RawAnswer): Verdict {
  switch (verdict) {
    case 'throttled': {
      const retryAfterMs = readRetryAfter(answer.headers['retry-after']);
      const isRefusal = code !== undefined;
      return { kind: verdict, isRefusal, detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
    case 'token_dead':
    case 'unavailable':
    case 'unconfirmed':
    case 'locked_out':
      return { kind: verdict, detail };
    default:
      return { kind: 'refused', code: verdict, detail };
  }
}

function matches(rule: Rule, answer: { status: number; code: string; message: string }): boolean {
  const { status, code, message } = rule;
  if (typeof status === 'function' ? !status(answer.status) : status && !status.includes(answer.status))
    return false;
  return (code?.test(answer.code) ?? true) && (message?.test(answer.message) ?? true);
}

function describe(answer: {
  status: number;
  code: string;
  message: string;
  requestId: string | undefined;
}): string {
  const code = answer.code.replace(/^gw\./, 'APIGW.');
  const words = redact([`HTTP ${answer.status}`, code, answer.message].filter(Boolean).join(' '));
  return answer.requestId === undefined ? words : `${words} (request ${answer.requestId})`;
}

/** Seconds only: the form with a date would need to trust the other clock. */
function readRetryAfter(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}

/** The value a text stands for, or undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
