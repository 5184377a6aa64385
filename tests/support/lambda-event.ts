/**
 * What functions are given: an event of the HTTP API in payload format 2.0, one of the schedule, Lambda's context. It calls nothing.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
import type { Context, ScheduledEvent } from 'aws-lambda';
import type { HttpEvent } from '../../lib/http/gateway.ts';

export type HttpCall = {
  /** As API Gateway names it: `GET /v1/uploads/{id}`. */
  route: string;
  parameters?: Record<string, string>;
  /** As it stands in a URL. */
  query?: string | undefined;
  /** What the authorizer found in the token; null for a route without one. */
  claims?: Record<string, string> | null;
  headers?: Record<string, string>;
  /** An object is sent as JSON, bytes in base64 as the gateway hands them over. */
  body?: object | string;
};

/** Context with so much time left: the same whenever it is asked, or what a clock tells. */
export function lambdaContext(remaining: number | (() => number) = 29_000): Context {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: 'test',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:test',
    memoryLimitInMB: '512',
    awsRequestId: 'request-1',
    logGroupName: '/aws/lambda/test',
    logStreamName: 'test',
    getRemainingTimeInMillis: typeof remaining === 'number' ? () => remaining : remaining,
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}

/** The event of one call of the HTTP API. */
export function httpEvent({
  route,
  parameters = {},
  claims = { sub: 'user-1' },
  query,
  headers = {},
  body,
}: HttpCall): HttpEvent {
  const [method = '', template = ''] = route.split(' ');
  const path = template.replaceAll(/\{(\w+)\}/g, (_match, name: string) => parameters[name] ?? '');
  const isBytes = Buffer.isBuffer(body);
  const json: Record<string, string> =
    typeof body === 'object' && !isBytes ? { 'content-type': 'application/json' } : {};
  const event = {
    version: '2.0',
    routeKey: route,
    rawPath: path,
    rawQueryString: query ?? '',
    headers: { host: 'api.example.com', ...json, ...headers },
    queryStringParameters: query === undefined ? undefined : Object.fromEntries(new URLSearchParams(query)),
    pathParameters: Object.keys(parameters).length === 0 ? undefined : parameters,
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName: 'api.example.com',
      domainPrefix: 'api',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      requestId: 'gateway-request-1',
      routeKey: route,
      stage: '$default',
      time: '12/Mar/2026:19:03:58 +0000',
      timeEpoch: 1_773_342_238_000,
      authorizer: claims === null ? undefined : { jwt: { claims, scopes: null } },
    },
    body: body === undefined ? undefined : toText(body),
    isBase64Encoded: isBytes,
  };
  // As it travels: members that are undefined are not there.
  return JSON.parse(JSON.stringify(event));
}

function toText(body: object | string): string {
  if (Buffer.isBuffer(body)) return body.toString('base64');
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** What the sweep is given: it reads nothing of it. https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html */
export const scheduledEvent: ScheduledEvent = {
  version: '0',
  id: '00000000-0000-0000-0000-000000000000',
  'detail-type': 'Scheduled Event',
  source: 'aws.events',
  account: '000000000000',
  time: '2026-01-02T03:04:05Z',
  region: 'eu-central-1',
  resources: [],
  detail: {},
};
