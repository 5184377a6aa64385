/**
 * Payload format 2.0 of an HTTP API: the event of a function and the meaning of its answer. Pure; owns no socket.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { AuthorizerContext } from './authorizer.ts';
import { decodePath } from './routes.ts';
import type { Match, Route } from './routes.ts';

export interface HttpAnswer {
  statusCode: number;
  headers: Record<string, string>;
  cookies: string[];
  body: Buffer;
}

/**
 * The content types that AWS passes as text. All others are base64, even a form and a body without a type: measured on
 * AWS by https://github.com/ministackorg/ministack/pull/766.
 */
const TEXT_TYPE = /^\s*(?:text\/[^;]+|application\/(?:json|xml|javascript))\s*(?:;|$)/i;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const structuredAnswer = z.object({
  statusCode: z.coerce.number().int().min(100).max(599),
  headers: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).nullish(),
  cookies: z.array(z.string()).nullish(),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().nullish(),
});

/** Builds the event of one request as AWS would. */
export function toHttpEvent(options: {
  request: IncomingMessage;
  body: Buffer;
  match: Match<Route>;
  authorizer: AuthorizerContext | undefined;
  requestId: string;
  now: Date;
}) {
  const { request, body, match, requestId, now } = options;
  const url = splitTarget(request.url ?? '/');
  const isText = TEXT_TYPE.test(request.headers['content-type'] ?? '');
  const rawPath = decodePath(url.path);
  const sourceIp = request.socket.remoteAddress ?? '127.0.0.1';
  const cookies = request.headers.cookie?.split(/;\s*/);
  const query = joinDuplicates(new URLSearchParams(url.query));
  const host = request.headers.host ?? 'localhost';

  return {
    version: '2.0',
    routeKey: match.route.routeKey,
    // HTTP APIs pass the path decoded, unlike REST APIs and function URLs.
    rawPath,
    rawQueryString: url.query,
    ...(cookies === undefined ? {} : { cookies }),
    headers: toEventHeaders(request, sourceIp),
    ...(url.query === '' ? {} : { queryStringParameters: query }),
    ...(Object.keys(match.pathParameters).length === 0 ? {} : { pathParameters: match.pathParameters }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      ...(options.authorizer === undefined ? {} : { authorizer: options.authorizer }),
      domainName: host.replace(/:\d+$/, ''),
      domainPrefix: host.split(/[.:]/)[0] ?? '',
      http: {
        method: request.method ?? 'GET',
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId,
      routeKey: match.route.routeKey,
      stage: '$default',
      time: formatTime(now),
      timeEpoch: now.getTime(),
    },
    ...(body.length === 0 ? {} : { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

/** Reads a function's answer; `undefined` when AWS would call it malformed and answer 500. */
export function toHttpAnswer(payload: string): HttpAnswer | undefined {
  const value: unknown = JSON.parse(payload);
  if (value === null || typeof value !== 'object' || !('statusCode' in value)) {
    const body = Buffer.from(typeof value === 'string' ? value : payload);
    return { statusCode: 200, headers: { 'content-type': 'application/json' }, cookies: [], body };
  }
  const answer = structuredAnswer.safeParse(value);
  if (!answer.success) return undefined;
  const { statusCode, headers, cookies, body, isBase64Encoded } = answer.data;
  const lowerCase = Object.entries(headers ?? {}).map(([name, text]) => [name.toLowerCase(), String(text)]);
  return {
    statusCode,
    headers: {
      ...(body ? { 'content-type': 'text/plain;charset=UTF-8' } : {}),
      ...Object.fromEntries(lowerCase),
    },
    cookies: cookies ?? [],
    body: Buffer.from(body ?? '', isBase64Encoded === true ? 'base64' : 'utf8'),
  };
}

function splitTarget(target: string): { path: string; query: string } {
  const queryAt = target.indexOf('?');
  return queryAt < 0
    ? { path: target, query: '' }
    : { path: target.slice(0, queryAt), query: target.slice(queryAt + 1) };
}

function toEventHeaders(request: IncomingMessage, sourceIp: string): Record<string, string> {
  const { cookie: _inCookies, connection: _hopByHop, ...headers }: IncomingHttpHeaders = request.headers;
  const joined = Object.keys(headers).map((name) => [name, request.headersDistinct[name]?.join(',') ?? '']);
  const forwarded = request.headersDistinct['x-forwarded-for'] ?? [];
  const time = Math.floor(Date.now() / 1000).toString(16);
  return {
    'x-amzn-trace-id': `Root=1-${time}-${randomBytes(12).toString('hex')}`,
    ...Object.fromEntries(joined),
    'x-forwarded-for': [...forwarded, sourceIp].join(', '),
    'x-forwarded-port': String(request.socket.localPort),
    'x-forwarded-proto': 'http',
  };
}

function joinDuplicates(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name).join(',')]));
}

/** CLF time, `12/Mar/2020:19:03:58 +0000`. */
function formatTime(now: Date): string {
  const day = String(now.getUTCDate()).padStart(2, '0');
  return `${day}/${MONTHS[now.getUTCMonth()] ?? ''}/${now.getUTCFullYear()}:${now.toISOString().slice(11, 19)} +0000`;
}
