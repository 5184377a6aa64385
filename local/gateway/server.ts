/**
 * The HTTP API in front of the functions: limits, CORS, authorizers, routes, payload format 2.0 and API Gateway's own
 * error bodies. Never runs a function: `invoke` does. It listens from the start and answers 503 until `serve` gives it
 * the routes, so that the settings of the functions can contain its URL.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Authorizer, Cors } from '../template.ts';
import { listen } from '../listen.ts';
import type { Reach } from '../listen.ts';
import { createAuthorizer } from './authorizer.ts';
import type { IssuerAddress } from './authorizer.ts';
import { corsHeaders, isPreflight, methodsOf, preflightHeaders } from './cors.ts';
import { toHttpAnswer, toHttpEvent } from './event.ts';
import type { HttpAnswer } from './event.ts';
import { createRouter } from './routes.ts';
import type { Route } from './routes.ts';
import { MIB } from '../../lib/domain/units.ts';

export interface FunctionRoute extends Route {
  functionKey: string;
  authorizer?: string;
}

export interface Api {
  routes: FunctionRoute[];
  authorizers: Record<string, Authorizer>;
  /** Where this machine reaches an issuer that calls itself otherwise. */
  issuerAddress?: IssuerAddress;
  cors: Cors | undefined;
  /** Answers a request that no function should get. */
  page?: (request: IncomingMessage) => Promise<HttpAnswer | undefined>;
  /** Runs the function and returns its answer as JSON text. */
  invoke: (functionKey: string, event: object) => Promise<string>;
}

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html */
const REQUEST_LIMIT_BYTES = 10 * MIB;
const INTEGRATION_LIMIT_MS = 30_000;
/** Lambda counts the whole event, so a binary body ends at about 4.5 MB. */
const EVENT_LIMIT_BYTES = 6_291_556;

const NOTHING: HttpAnswer = { statusCode: 204, headers: {}, cookies: [], body: Buffer.alloc(0) };

/** Opens the gateway's port. */
export async function startGateway(options: { port: number; integrationLimitMs?: number; reach?: Reach }) {
  const limitMs = options.integrationLimitMs ?? INTEGRATION_LIMIT_MS;
  let handle: ReturnType<typeof createHandler> = async () => failure(503, 'Service Unavailable');

  const server = createServer((request, response) => {
    const requestId = randomBytes(12).toString('base64');
    handle(request, requestId)
      .catch((error: unknown) => {
        if (!request.destroyed) process.stderr.write(`gateway: ${String(error)}\n`);
        return failure(500, 'Internal Server Error');
      })
      .then((answer) =>
        send(response, { ...answer, headers: { ...answer.headers, 'apigw-requestid': requestId } }),
      )
      .catch(() => response.destroy());
  });
  const { url, publicUrl, port, close } = await listen(server, options.port, { reach: options.reach });

  return {
    url,
    publicUrl,
    port,
    close,
    serve(api: Api): void {
      handle = createHandler(api, limitMs);
    },
  };
}

function createHandler(api: Api, limitMs: number) {
  const findRoute = createRouter(api.routes);
  const methods = methodsOf(api.routes.map((route) => route.routeKey));
  const authorizers = new Map(
    Object.entries(api.authorizers).map(([name, settings]) => [
      name,
      createAuthorizer(settings, api.issuerAddress),
    ]),
  );

  async function answer(
    request: IncomingMessage,
    body: Buffer | undefined,
    requestId: string,
  ): Promise<HttpAnswer> {
    if (body === undefined) return failure(413, 'Request Entity Too Large');
    const [path = '/'] = (request.url ?? '/').split('?');
    const match = findRoute({ method: request.method ?? 'GET', path });
    if (match === undefined) return failure(404, 'Not Found');

    const verdict = await authorizers.get(match.route.authorizer ?? '')?.(request);
    if (verdict?.allowed === false)
      return failure(401, 'Unauthorized', { 'www-authenticate': verdict.challenge });

    const authorizer = verdict?.context;
    const event = toHttpEvent({ request, body, match, authorizer, requestId, now: new Date() });
    if (Buffer.byteLength(JSON.stringify(event)) > EVENT_LIMIT_BYTES)
      return failure(413, 'Request Entity Too Large');
    return await integrate(match.route.functionKey, event);
  }

  /** A function that fails is a 500, one that has not answered in time a 503. */
  async function integrate(functionKey: string, event: object): Promise<HttpAnswer> {
    const timeout = Promise.withResolvers<HttpAnswer>();
    const timer = setTimeout(() => timeout.resolve(failure(503, 'Service Unavailable')), limitMs);
    const invocation = api.invoke(functionKey, event).then(
      (payload) => toHttpAnswer(payload) ?? failure(500, 'Internal Server Error'),
      () => failure(500, 'Internal Server Error'),
    );
    try {
      return await Promise.race([invocation, timeout.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  return async (request: IncomingMessage, requestId: string): Promise<HttpAnswer> => {
    const body = await readBody(request);
    const page = await api.page?.(request);
    if (page !== undefined) return page;
    if (api.cors === undefined) return answer(request, body, requestId);
    const { origin } = request.headers;
    const isAsked = origin !== undefined && isPreflight(request);
    const cors = isAsked ? preflightHeaders(api.cors, origin, methods) : corsHeaders(api.cors, origin);
    // A $default route takes OPTIONS, too: then the function decides whether a preflight succeeds.
    const [path = '/'] = (request.url ?? '/').split('?');
    const isLocal = isAsked && findRoute({ method: 'OPTIONS', path }) === undefined;
    const result = isLocal ? NOTHING : await answer(request, body, requestId);
    const own = Object.entries(result.headers).filter(([name]) => !name.startsWith('access-control-'));
    return { ...result, headers: { ...Object.fromEntries(own), ...cors } };
  };
}

/** Reads even a body that is too large to its end: a client that is still sending would not see an early answer. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size <= REQUEST_LIMIT_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  }
  return size > REQUEST_LIMIT_BYTES ? undefined : Buffer.concat(chunks);
}

function failure(statusCode: number, message: string, headers: Record<string, string> = {}): HttpAnswer {
  const body = Buffer.from(JSON.stringify({ message }));
  return { statusCode, headers: { 'content-type': 'application/json', ...headers }, cookies: [], body };
}

function send(response: ServerResponse, { statusCode, headers, cookies, body }: HttpAnswer): void {
  response.writeHead(statusCode, {
    ...headers,
    ...(statusCode === 204 || statusCode === 304 ? {} : { 'content-length': body.length }),
    ...(cookies.length === 0 ? {} : { 'set-cookie': cookies }),
  });
  response.end(body);
}
