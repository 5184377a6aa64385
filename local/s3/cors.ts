/**
 * Applies a bucket's CORS rules: the answer to a preflight, and the headers on every other answer.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
 */
import { S3Error } from './errors.ts';
import type { Headers, S3Response } from './http.ts';
import type { CorsRule } from './store.ts';

/** Answers a preflight request; throws AccessForbidden when no rule matches. */
export function answerPreflight(rules: readonly CorsRule[], headers: Headers): S3Response {
  const { origin, 'access-control-request-method': method } = headers;
  if (origin === undefined || method === undefined) {
    throw new S3Error('BadRequest', 'Insufficient information. Origin request header needed.');
  }
  const requested = splitList(headers['access-control-request-headers']);
  const rule = findRule(rules, { origin, method, requested });
  if (rule === undefined) {
    throw new S3Error(
      'AccessForbidden',
      "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    );
  }
  return {
    status: 200,
    headers: {
      ...ruleHeaders(rule, origin),
      ...(requested.length > 0 && { 'access-control-allow-headers': requested.join(', ') }),
    },
  };
}

/** The headers that let a browser read an answer to this request; none when no rule matches. */
export function corsHeaders(
  rules: readonly CorsRule[],
  { method, headers }: { method: string; headers: Headers },
) {
  const { origin } = headers;
  if (origin === undefined) return {};
  const rule = findRule(rules, { origin, method, requested: [] });
  return rule === undefined ? {} : ruleHeaders(rule, origin);
}

function findRule(
  rules: readonly CorsRule[],
  { origin, method, requested }: { origin: string; method: string; requested: readonly string[] },
): CorsRule | undefined {
  return rules.find(
    (rule) =>
      rule.allowedMethods.includes(method) &&
      rule.allowedOrigins.some((pattern) => matches(pattern, origin)) &&
      requested.every((name) => rule.allowedHeaders.some((pattern) => matches(pattern.toLowerCase(), name))),
  );
}

function ruleHeaders(rule: CorsRule, origin: string): Record<string, string> {
  const isPublic = rule.allowedOrigins.includes('*');
  return {
    'access-control-allow-origin': isPublic ? '*' : origin,
    'access-control-allow-methods': rule.allowedMethods.join(', '),
    ...(!isPublic && { 'access-control-allow-credentials': 'true' }),
    ...(rule.exposeHeaders.length > 0 && { 'access-control-expose-headers': rule.exposeHeaders.join(', ') }),
    ...(rule.maxAgeSeconds !== undefined && { 'access-control-max-age': String(rule.maxAgeSeconds) }),
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  };
}

/** A pattern holds at most one `*`. */
function matches(pattern: string, value: string): boolean {
  const [before = '', after] = pattern.split('*');
  if (after === undefined) return pattern === value;
  return value.length >= before.length + after.length && value.startsWith(before) && value.endsWith(after);
}

function splitList(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .filter((item) => item !== '');
}
