/**
 * Route selection of an HTTP API: the most specific route wins. Pure; uses only method and path.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */

export interface Route {
  /** `GET /v1/uploads/{id}`, `ANY /v1/{proxy+}` or `$default`. */
  routeKey: string;
}

export interface Match<R extends Route> {
  route: R;
  pathParameters: Record<string, string>;
}

/** A literal beats a parameter, a parameter beats a greedy one, segment by segment from the left. */
const RANK = { literal: 0, parameter: 1, greedy: 2 } as const;

interface Pattern<R extends Route> {
  route: R;
  method: string;
  segments: string[];
  order: string;
}

/** Prepares the routes once; returns a function that finds the route of a request, or `undefined`. */
export function createRouter<R extends Route>(
  routes: readonly R[],
): (request: { method: string; path: string }) => Match<R> | undefined {
  const patterns = routes
    .filter((route) => route.routeKey !== '$default')
    .map(toPattern)
    .toSorted((one, other) => (one.order < other.order ? -1 : 1));
  const fallback = routes.find((route) => route.routeKey === '$default');

  return ({ method, path }) => {
    const segments = splitPath(path);
    for (const pattern of patterns) {
      if (pattern.method !== 'ANY' && pattern.method !== method) continue;
      const pathParameters = matchSegments(pattern.segments, segments);
      if (pathParameters !== undefined) return { route: pattern.route, pathParameters };
    }
    return fallback === undefined ? undefined : { route: fallback, pathParameters: {} };
  };
}

/** Percent-decodes a path; returns an invalid one unchanged. */
export function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function toPattern<R extends Route>(route: R): Pattern<R> {
  const [method = '', path = ''] = route.routeKey.split(' ');
  const segments = splitPath(path);
  const order = segments.map(rankOf).join('') + (method === 'ANY' ? '1' : '0');
  return { route, method, segments, order };
}

function matchSegments(pattern: string[], segments: string[]): Record<string, string> | undefined {
  const parameters: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const actual = segments[index];
    // As on AWS, an empty segment is no value for a parameter.
    if (actual === undefined || (actual === '' && expected !== '')) return undefined;
    const rank = rankOf(expected);
    if (rank === RANK.literal && decodePath(actual) !== expected) return undefined;
    if (rank === RANK.parameter) parameters[expected.slice(1, -1)] = decodePath(actual);
    if (rank === RANK.greedy) {
      parameters[expected.slice(1, -2)] = decodePath(segments.slice(index).join('/'));
      return parameters;
    }
  }
  return segments.length === pattern.length ? parameters : undefined;
}

function splitPath(path: string): string[] {
  return path.split('/').slice(1);
}

function rankOf(segment: string): number {
  if (!segment.startsWith('{')) return RANK.literal;
  return segment.endsWith('+}') ? RANK.greedy : RANK.parameter;
}
