/**
 * One HTTP exchange with a Huawei host: sends the bytes of a request and returns the answer. Each exchange has a
 * connection of its own, since a connection that was kept while Lambda froze the function is dead. Knows nothing of
 * IPD's API; built on node:http, which costs no import and no copy of the body.
 */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { TLSSocket } from 'node:tls';
import { urlToHttpOptions } from 'node:url';
import { abandoned } from '../runtime/stream.ts';
import type { Source } from '../runtime/stream.ts';
import { MIB } from '../domain/units.ts';

export type WireRequest = {
  method: string;
  url: URL;
  headers: Record<string, string>;
  /** With a streamed body the caller gives an exact Content-Length. */
  body?: Uint8Array | Source;
  signal: AbortSignal;
  /** How long the socket may be idle before the exchange is given up. */
  idleMs: number;
};

/** How a host is reached. Its certificate is always checked, and for the name that is connected to. */
export type Way = {
  /** The setting that names the host that is connected to: what a refused certificate is reported with. */
  setting: 'IPD_ENDPOINT' | 'IPD_IAM_ENDPOINT' | 'IPD_GATEWAY';
  /** The origin of a gateway, which is connected to in place of the request's own host. */
  gateway?: URL | undefined;
  /** In PEM: trusted in place of the authorities that Node trusts. */
  authorities?: readonly string[] | undefined;
};

export type WireAnswer = {
  status: number;
  headers: Record<string, string | undefined>;
  body: AsyncIterable<Uint8Array>;
};

export type Send = (request: WireRequest) => Promise<WireAnswer>;

export type TextAnswer = { status: number; headers: Record<string, string | undefined>; text: string };

/** Keeps no connection, but the TLS session, so that the next connection to the host need not begin anew. */
const resuming = new https.Agent({ keepAlive: false });
/** Longer answers are cut here: no answer that we can use is so long. */
const MAX_TEXT_BYTES = MIB;
const EXCHANGE_IDLE_MS = 10_000;

const DIRECT: Way = { setting: 'IPD_ENDPOINT' };

/**
 * Sends the request and resolves with the answer's head. An answer that comes before the whole body is sent stops the
 * sending. Rejects when the connection fails or is idle too long, or when the body's source throws: the connection is
 * destroyed then, and the server never gets a complete request. Follows no redirect.
 */
export async function send(request: WireRequest, way: Way = DIRECT): Promise<WireAnswer> {
  const isSecure = request.url.protocol === 'https:';
  const outgoing = (isSecure ? https : http).request(request.url, {
    method: request.method,
    headers: request.headers,
    agent: isSecure && resuming,
    signal: request.signal,
    // Said here, the environment (NODE_TLS_REJECT_UNAUTHORIZED) cannot switch the check off.
    rejectUnauthorized: true,
    ...(way.authorities && { ca: [...way.authorities] }),
    ...(way.gateway && through(way.gateway, request)),
  });
  outgoing.setTimeout(request.idleMs, () => {
    outgoing.destroy(new Error(`the connection stood still for ${request.idleMs} ms`));
  });
  const answer = new Promise<http.IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
  });
  try {
    // A source that waits must not keep an answer or a failure from the caller.
    const incoming = await Promise.race([answer, write(request.body, outgoing).then(() => answer)]);
    incoming.once('close', () => outgoing.destroy());
    return { status: incoming.statusCode ?? 0, headers: singleHeaders(incoming.headers), body: incoming };
  } catch (cause) {
    outgoing.destroy();
    throw refusedCertificate(outgoing.socket, { way, cause }) ?? cause;
  }
}

/**
 * Node would take the name that the certificate is checked for from the Host header, so it is given. Settings allow no
 * gateway without a name.
 */
function through(gateway: URL, { url, headers }: WireRequest): https.RequestOptions {
  const { hostname, port } = urlToHttpOptions(gateway);
  const name = String(hostname);
  return {
    hostname: name,
    port,
    servername: name,
    headers: { ...headers, host: url.host },
  };
}

/** Sends a small request and reads the answer as text. Returns a failure instead of throwing it. */
export async function exchange(
  via: Send,
  request: Omit<WireRequest, 'idleMs'>,
): Promise<({ kind: 'answer' } & TextAnswer) | { kind: 'unavailable'; detail: string }> {
  try {
    const answer = await via({ ...request, idleMs: EXCHANGE_IDLE_MS });
    return {
      kind: 'answer',
      status: answer.status,
      headers: answer.headers,
      text: await readText(answer.body),
    };
  } catch (error) {
    return { kind: 'unavailable', detail: describeFailure(error) };
  }
}

/** An answer's body as text, cut at a length that no useful answer has. */
export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_TEXT_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Codes that mean: there was no connection, so no request was sent. */
const UNCONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const OUT_OF_DATE = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
const CERTIFICATE_REFUSED = 'CertificateRefused';

/** For an operator: which setting it concerns, and nothing of the certificate. Undefined when it was not refused. */
function refusedCertificate(
  socket: http.ClientRequest['socket'],
  { way, cause }: { way: Way; cause: unknown },
): Error | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorizationError) return undefined;
  // Typed as an Error, but a code: https://nodejs.org/api/tls.html#tlssocketauthorizationerror
  const code = String(socket.authorizationError);
  const error = new Error(`${code}: ${explainRefusal(code, way)}`, { cause });
  error.name = CERTIFICATE_REFUSED;
  return error;
}

function explainRefusal(code: string, { setting, authorities }: Way): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the certificate is for another host than ${setting} names`;
  if (OUT_OF_DATE.has(code)) {
    const own = `the certificate of ${setting}`;
    return `${authorities === undefined ? own : `${own}, or one in IPD_CA,`} is not valid at this time`;
  }
  return authorities === undefined
    ? `the certificate of ${setting} is not from a public authority: IPD_CA and IPD_ALLOWED_HOSTS name a private one`
    : `the certificate of ${setting} is not from an authority in IPD_CA`;
}

/** True when the request reached no server, so it had no effect. */
export function isUnconnected(error: unknown): boolean {
  if (error instanceof Error && error.name === CERTIFICATE_REFUSED) return true;
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && UNCONNECTED.has(code);
}

/** What went wrong on a connection, without addresses or headers. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer in time';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code ?? error.message;
}

/** Writes the body as fast as the socket takes it; stops at once, and so does the source, when the exchange is over early. */
async function write(body: WireRequest['body'], outgoing: http.ClientRequest): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    outgoing.end(body);
    return;
  }
  const ending = new AbortController();
  const { signal } = ending;
  let room = Promise.withResolvers<void>();
  const stop = (): void => {
    ending.abort(abandoned);
    room.resolve();
  };
  outgoing.once('response', stop).once('close', stop);
  outgoing.on('drain', () => room.resolve());
  try {
    await connected(outgoing, signal);
    await body((chunk) => {
      signal.throwIfAborted();
      if (outgoing.write(chunk)) return undefined;
      room = Promise.withResolvers();
      return room.promise;
    }, signal);
    outgoing.end();
  } catch (cause) {
    if (!signal.aborted) throw cause;
  }
}

/** The source is not read into a buffer before there is a connection: without one, nothing has left. */
async function connected(outgoing: http.ClientRequest, signal: AbortSignal): Promise<void> {
  await once(outgoing, 'socket', { signal });
  const isSecure = outgoing.protocol === 'https:';
  if (outgoing.socket !== null)
    await once(outgoing.socket, isSecure ? 'secureConnect' : 'connect', { signal });
}

function singleHeaders(headers: http.IncomingHttpHeaders): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}
