/**
 * Reads requests and builds answers in API Gateway's form (payload format 2.0). Every error leaves here as
 * problem+json (RFC 9457); nothing of the cause of a 500 or 503 reaches the caller.
 */
import type { MiddlewareObj, Request } from '@middy/core';
import type {
  APIGatewayProxyEventV2WithJWTAuthorizer as HttpEvent,
  APIGatewayProxyStructuredResultV2 as HttpResult,
} from 'aws-lambda';
import type * as z from 'zod';
import { AppError, invalidRequest, isProblemCode, problems } from '../domain/errors.ts';
import type { ProblemCode, ProblemPlace } from '../domain/errors.ts';
import { isReservedOwner } from '../domain/upload.ts';
import { failureIn } from '../texts/catalogue.ts';
import type { Catalogue } from '../texts/catalogue.ts';
import { languageFor, textsIn } from '../texts/language.ts';
import type { Caller } from '../uploads/create.ts';
import { isSpoilt, toName } from '../domain/plain-text.ts';
import { bindCall, createTelemetry } from '../runtime/telemetry.ts';
import type { Telemetry } from '../runtime/telemetry.ts';

export type { HttpEvent, HttpResult };

/** When the caller should retry after a service that we depend on did not answer. */
const UNAVAILABLE_RETRY_SECONDS = 5;
/** A body may have a million faults. The answer names the first ones, since Lambda limits its length. */
const MAX_PLACES = 100;
const MAX_POINTER_LENGTH = 500;
/** Gateways pass claims as text. How they pass `"sub": null` is not documented; no user has one of these names. */
const NO_VALUES = new Set(['', '<nil>', 'null']);
const HOST = /^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/** Adds the gateway's id of the call and Lambda's own to every log line. */
export function bindIds(): MiddlewareObj<HttpEvent, HttpResult> {
  return {
    before: function bind({ event, context }: Request<HttpEvent, HttpResult>): void {
      bindCall({ requestId: event.requestContext.requestId, invocationId: context.awsRequestId });
    },
  };
}

/**
 * Turns what a handler throws into a problem document; logs our own errors, once, through the telemetry of the
 * handler's services. `pointers`: for a place in the JSON body, the place where this route has the same value.
 */
export function answerProblems({
  services,
  pointers = {},
}: {
  services: () => { telemetry: Telemetry };
  pointers?: Record<string, string>;
}): MiddlewareObj<HttpEvent, HttpResult> {
  return {
    onError: async function answerProblem(request: Request<HttpEvent, HttpResult>): Promise<void> {
      const { error, event } = request;
      const code = codeOf(error);
      const traceId = event.requestContext.requestId;
      if (problems[code].status >= 500)
        telemetryOf(services).error('request failed', error, { traceId, route: event.routeKey });
      const texts = await textsFor(event);
      request.response = problem(code, { error, pointers, path: pathOf(event), traceId, texts });
    },
  };
}

/** With settings that are wrong there are no services, and the error says so: it must be logged all the same. */
function telemetryOf(services: () => { telemetry: Telemetry }): Telemetry {
  try {
    return services().telemetry;
  } catch {
    return createTelemetry();
  }
}

/** The gateway has matched the route already. This calls the function that the table has for its route key. */
export function routed(routes: Record<string, (event: HttpEvent) => Promise<HttpResult>>) {
  return async (event: HttpEvent): Promise<HttpResult> => {
    const route = routes[event.routeKey];
    if (route !== undefined) return route(event);
    // A browser's preflight: $default takes it, the gateway adds its headers, and only the status is left to us.
    // https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
    if (event.requestContext.http.method === 'OPTIONS') return { statusCode: 204 };
    throw new AppError('not_found', `there is no ${event.requestContext.http.method} ${pathOf(event)}`);
  };
}

/** A JSON answer; members that are undefined are left out. Answers carry signed URLs, so no cache may store them. */
export function json(statusCode: number, body: unknown, headers: Record<string, string> = {}): HttpResult {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  };
}

/** The texts for the person who calls, by the language that their browser or app asks for. */
export function textsFor(event: HttpEvent): Promise<Catalogue> {
  return textsIn(languageFor(event.headers['accept-language']));
}

/** What an answer with texts for people says of them; a cache must keep the languages apart. */
export function languageHeaders({ language }: Catalogue): Record<string, string> {
  return { 'content-language': language, vary: 'accept-language' };
}

/** The caller, from the claims that the gateway's authorizer has checked. Throws `no_subject`. */
export function callerOf(
  event: HttpEvent,
  {
    projectsClaim,
    projects,
    uploadedByClaim,
  }: { projectsClaim?: string | undefined; projects?: string[] | undefined; uploadedByClaim: string },
): Caller {
  const claims = event.requestContext.authorizer?.jwt.claims ?? {};
  const owner = claims['sub'];
  if (typeof owner !== 'string' || NO_VALUES.has(owner))
    throw new AppError('no_subject', 'the token has no `sub` claim');
  if (isReservedOwner(owner))
    throw new AppError('no_subject', "the token's `sub` is a name that the bridge keeps for itself");
  const { requestId } = event.requestContext;
  const caller = { owner, uploadedBy: nameFrom(claims[uploadedByClaim]) || nameFrom(owner), requestId };
  if (projectsClaim !== undefined) return { ...caller, projects: readListClaim(claims[projectsClaim]) };
  return { ...caller, projects: projects?.includes('*') ? '*' : (projects ?? []) };
}

/** The JSON body, checked. Throws `unsupported_media_type`, `invalid_json`, or `invalid_request` naming every place. */
export function readBody<T>(event: HttpEvent, schema: z.ZodType<T>): T {
  const type = event.headers['content-type'] ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new AppError('unsupported_media_type', 'send the body as application/json');
  }
  const text = event.isBase64Encoded
    ? Buffer.from(event.body ?? '', 'base64').toString('utf8')
    : (event.body ?? '');
  if (isSpoilt(text)) {
    throw new AppError(
      'invalid_json',
      'the body is not valid UTF-8, or holds U+FFFD, which stands for what is not',
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError('invalid_json', 'the body is not valid JSON', { cause });
  }
  return check(value, schema, (path) => path.map((part) => `/${escapePointer(part)}`).join(''));
}

/** The query, checked. Throws `invalid_request` naming every parameter at fault. */
export function readQuery<T>(event: HttpEvent, schema: z.ZodType<T>): T {
  const query = event.queryStringParameters ?? {};
  const spoilt = Object.entries(query).filter((parameter) => parameter.some((text = '') => isSpoilt(text)));
  if (spoilt.length > 0) {
    throw invalidRequest(
      spoilt.slice(0, MAX_PLACES).map(([name]) => ({
        pointer: `query:${name}`.slice(0, MAX_POINTER_LENGTH),
        detail: 'must be valid UTF-8, without U+FFFD',
      })),
    );
  }
  return check(query, schema, ([name = '']) => `query:${String(name)}`);
}

/** The body as it was sent. */
export function readBytes(event: HttpEvent): Buffer {
  return Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
}

/** Checks anything against a schema; `toPointer` says where in the request a path of the value is. */
export function check<T>(
  value: unknown,
  schema: z.ZodType<T>,
  toPointer: (path: PropertyKey[]) => string,
): T {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const at = (path: PropertyKey[]): string => toPointer(path).slice(0, MAX_POINTER_LENGTH);
  const places = parsed.error.issues
    .slice(0, MAX_PLACES)
    .flatMap((issue): ProblemPlace[] =>
      issue.code === 'unrecognized_keys'
        ? issue.keys
            .slice(0, MAX_PLACES)
            .map((key) => ({ pointer: at([...issue.path, key]), detail: 'is not a member of this object' }))
        : [{ pointer: at(issue.path), detail: isMissing(issue) ? 'is required' : issue.message }],
    );
  throw invalidRequest(places.slice(0, MAX_PLACES));
}

/** The Idempotency-Key header, if sent. Throws `invalid_request` when it is unusable. */
export function idempotencyKey(event: HttpEvent): string | undefined {
  const key = event.headers['idempotency-key'];
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw invalidRequest([
    { pointer: 'header:Idempotency-Key', detail: 'must be 1 to 255 visible ASCII characters' },
  ]);
}

/**
 * The origin that the caller used, also behind a domain of the operator's. A Host header that is not a valid host is
 * ignored.
 */
export function originOf(event: HttpEvent): string {
  const { host = '', 'x-forwarded-proto': scheme } = event.headers;
  return `${scheme === 'http' ? 'http' : 'https'}://${HOST.test(host) ? host : event.requestContext.domainName}`;
}

/** A path parameter that the route has. */
export function pathParameter(event: HttpEvent, name: string): string {
  return event.pathParameters?.[name] ?? '';
}

/** True when the caller's copy, by its ETag, is still current. */
export function isUnchanged(event: HttpEvent, etag: string): boolean {
  const tags = (event.headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag);
}

/** The path that was called, without a ticket or a file's secret, also where no route matches. */
function pathOf(event: HttpEvent): string {
  return event.rawPath
    .replace(/\/uppy\/+[^/]+/, '/uppy/{ticket}')
    .replace(/\/files\/+[^/]+\/.*/, '/files/{id}/{secret}');
}

function problem(
  code: ProblemCode,
  about: {
    error: unknown;
    pointers: Record<string, string>;
    path: string;
    traceId: string;
    texts: Catalogue;
  },
): HttpResult {
  const { error, pointers, path, traceId, texts } = about;
  const { status, retryable } = problems[code];
  const placed = ({ pointer, detail }: ProblemPlace) => ({ pointer: pointers[pointer] ?? pointer, detail });
  const own = error instanceof AppError && status !== 500 && status !== 503 ? error : undefined;
  const detail = own?.message ?? 'the cause is in the logs under the traceId';
  const retryAfter = status === 503 ? UNAVAILABLE_RETRY_SECONDS : own?.retryAfterSeconds;
  const { title, userMessage: general } = texts.problems[code];
  const userMessage = failureIn(texts, own?.failure ?? '') ?? general;
  const body = {
    type: `urn:ipd-attachment-bridge:problem:${code}`,
    title,
    status,
    detail,
    userMessage,
    // The gateway's own errors have their text under this name, and Uppy 5 shows it.
    message: userMessage,
    instance: path,
    code,
    retryable,
    traceId,
    errors: own !== undefined && own.places.length > 0 ? own.places.map(placed) : undefined,
  };
  return json(status, body, {
    'content-type': 'application/problem+json',
    ...languageHeaders(texts),
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  });
}

function codeOf(error: unknown): ProblemCode {
  return error instanceof AppError && isProblemCode(error.code) ? error.code : 'internal';
}

/**
 * HTTP APIs pass array claims as the string `[p1 p2]`: an element with a space appears as two. A claim that is one
 * string may have commas, too. A missing claim allows no project.
 */
function readListClaim(claim: unknown): string[] {
  if (Array.isArray(claim)) return claim.map(String);
  if (typeof claim !== 'string') return [];
  const [, elements] = /^\[(.*)\]$/s.exec(claim) ?? [];
  return (elements?.split(/\s+/) ?? claim.split(/[\s,]+/)).filter(Boolean);
}

/** A name for people, not too long. Empty for none. */
function nameFrom(claim: unknown): string {
  if (typeof claim !== 'string' || NO_VALUES.has(claim)) return '';
  return toName(claim);
}

/** True when there is no value. That has one message for all fields; the schema words all others. */
function isMissing({ code, input }: z.core.$ZodIssue): boolean {
  return code === 'invalid_type' && input === undefined;
}

function escapePointer(part: PropertyKey): string {
  return String(part).replaceAll('~', '~0').replaceAll('/', '~1');
}
