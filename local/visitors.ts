/**
 * Decides which requests a part of the stack serves. Every program of this machine can reach its port, the browser
 * included, and a browser sends the requests of any page: with the page's Origin, or, when the page's name resolves to
 * 127.0.0.1 (DNS rebinding), with a Host that is no name of this machine.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/**
 * The web pages that a part serves. `own rules`: the part checks signatures or has CORS rules. `local`: pages of this
 * machine and of the origins that the user has named. `none`: the part serves no page.
 */
export type Pages = { kind: 'own rules' } | { kind: 'local'; origins: string[] } | { kind: 'none' };

/** `*.localhost` never leaves the machine: https://www.rfc-editor.org/rfc/rfc6761#section-6.3 */
const LOOPBACK = /^(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9-]+\.)*localhost)$/i;

/** `hosts`: further values of Host that are served. `publicHost`: a further name of this machine, with any port. */
export type Guard = { pages: Pages; hosts: string[]; publicHost?: string | undefined };

/** Runs the check before the handlers that the server has now. */
export function guardVisitors(server: Server, guard: Guard): void {
  for (const event of ['request', 'checkContinue']) {
    const handlers = server.listeners(event);
    if (handlers.length === 0) continue;
    server.removeAllListeners(event);
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      const refusal = refusalOf(request, guard);
      if (refusal !== undefined) return refuse(request, response, refusal);
      for (const handle of handlers) handle.call(server, request, response);
    });
  }
}

/** The CORS headers for a page that is served; no allowed origin for other requests. */
export function corsFor({ headers }: IncomingMessage): Record<string, string> {
  return { vary: 'origin', ...(headers.origin && { 'access-control-allow-origin': headers.origin }) };
}

function refusalOf({ headers }: IncomingMessage, { pages, hosts, publicHost }: Guard): string | undefined {
  const { host = '', origin } = headers;
  if (!isOwn(`http://${host}`, publicHost) && !hosts.includes(host)) {
    return publicHost === undefined
      ? 'this is reached as 127.0.0.1 or localhost only'
      : `this is reached as 127.0.0.1, localhost or ${publicHost} only`;
  }
  if (origin === undefined || pages.kind === 'own rules') return undefined;
  const isWelcome = pages.kind === 'local' && (isOwn(origin, publicHost) || pages.origins.includes(origin));
  return isWelcome ? undefined : 'this is not for web pages of other machines';
}

/** Whether the host of the URL can only be this machine: loopback, or the name that the user has given it. */
export function isOwn(url: string, publicHost: string | undefined): boolean {
  const hostname = URL.parse(url)?.hostname;
  return hostname !== undefined && (LOOPBACK.test(hostname) || hostname === publicHost);
}

/** Drops the rest of the request and closes the connection after the answer. */
function refuse(request: IncomingMessage, response: ServerResponse, message: string): void {
  request.resume();
  response
    .writeHead(403, { 'content-type': 'application/json', connection: 'close' })
    .end(JSON.stringify({ message }));
}
