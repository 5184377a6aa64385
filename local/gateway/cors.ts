/**
 * CORS of an HTTP API: answers preflights itself and puts its own headers on every other answer, in place of the
 * function's. Pure.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
 */
import type { IncomingMessage } from 'node:http';
import type { Cors } from '../template.ts';

/** True for the request a browser sends to ask whether it may send another one. */
export function isPreflight(request: IncomingMessage): boolean {
  return (
    request.method === 'OPTIONS' &&
    request.headers.origin !== undefined &&
    request.headers['access-control-request-method'] !== undefined
  );
}

/** The headers of a preflight's answer; none for an origin that is not allowed. */
export function preflightHeaders(cors: Cors, origin: string, methods: string[]): Record<string, string> {
  const headers = corsHeaders(cors, origin);
  if (headers['access-control-allow-origin'] === undefined) return {};
  return {
    ...headers,
    'access-control-allow-methods': (cors.allowedMethods ?? methods).join(','),
    'access-control-allow-headers': cors.allowedHeaders.join(','),
    ...(cors.maxAge === undefined ? {} : { 'access-control-max-age': String(cors.maxAge) }),
  };
}

/** The headers of any other answer; none for an origin that is not allowed. */
export function corsHeaders(cors: Cors, origin: string | undefined): Record<string, string> {
  const pattern = origin && cors.allowedOrigins.find((allowed) => matches(allowed, origin));
  if (pattern === undefined || origin === undefined) return {};
  const exposed = cors.exposedResponseHeaders.join(',');
  return {
    'access-control-allow-origin': pattern === '*' ? pattern : origin,
    ...(cors.allowCredentials ? { 'access-control-allow-credentials': 'true' } : {}),
    ...(exposed === '' ? {} : { 'access-control-expose-headers': exposed }),
  };
}

/** Any port in place of the last `*` is for development: API Gateway has nothing like it, and a deploy refuses it. */
function matches(pattern: string, origin: string): boolean {
  const anyPort = pattern.endsWith(':*') && /:\d+$/.test(origin);
  return pattern === '*' || origin === pattern || (anyPort && origin.replace(/\d+$/, '*') === pattern);
}

/** Without `allowedMethods` serverless allows OPTIONS and every method that a route has. */
export function methodsOf(routeKeys: string[]): string[] {
  const methods = routeKeys.map((routeKey) => routeKey.split(' ')[0] ?? '');
  const any = methods.some((method) => method === 'ANY' || method === '$default');
  const named = any ? ['GET', 'POST', 'PUT', 'PATCH', 'HEAD', 'DELETE'] : methods;
  return [...new Set(['OPTIONS', ...named])];
}
