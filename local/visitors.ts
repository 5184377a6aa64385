/**
 * Which requests a part of the stack takes up at all. Its port is open to every program of this machine, the browser
 * included, and a browser sends what any page tells it to: under the page's own Origin, or, when the page's name was
 * made to resolve to 127.0.0.1 (DNS rebinding), under a Host that is no name of this machine.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/**
 * The pages whose requests are taken up: by the part's own rules, where it signs or has CORS rules; pages of this machine,
 * and of origins that the user has named; or none, where no page has anything to do.
 */
export type Pages = { kind: 'own rules' } | { kind: 'local'; origins: string[] } | { kind: 'none' };

/** `*.localhost` never leaves the machine: https://www.rfc-editor.org/rfc/rfc6761#section-6.3 */
const LOOPBACK = /^(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9-]+\.)*localhost)$/i;

/** Puts itself before the handlers that the server has by now. */
export function guardVisitors(server: Server, pages: Pages, hosts: string[] = []): void {
  for (const event of ['request', 'checkContinue']) {
    const handlers = server.listeners(event);
    if (handlers.length === 0) continue;
    server.removeAllListeners(event);
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      const refusal = refusalOf(request, pages, hosts);
      if (refusal !== undefined) return refuse(request, response, refusal);
      for (const handle of handlers) handle.call(server, request, response);
    });
  }
}

/** The CORS headers for a page that was taken up; none for other requests. */
export function corsFor({ headers }: IncomingMessage): Record<string, string> {
  return { vary: 'origin', ...(headers.origin && { 'access-control-allow-origin': headers.origin }) };
}

function refusalOf({ headers }: IncomingMessage, pages: Pages, hosts: string[]): string | undefined {
  const { host = '', origin } = headers;
  if (!isLoopback(`http://${host}`) && !hosts.includes(host)) {
    return 'this is reached as 127.0.0.1 or localhost only';
  }
  if (origin === undefined || pages.kind === 'own rules') return undefined;
  const isWelcome = pages.kind === 'local' && (isLoopback(origin) || pages.origins.includes(origin));
  return isWelcome ? undefined : 'this is not for web pages of other machines';
}

function isLoopback(url: string): boolean {
  return URL.canParse(url) && LOOPBACK.test(new URL(url).hostname);
}

/** What still comes is dropped, and nothing else comes over this connection. */
function refuse(request: IncomingMessage, response: ServerResponse, message: string): void {
  request.resume();
  response
    .writeHead(403, { 'content-type': 'application/json', connection: 'close' })
    .end(JSON.stringify({ message }));
}
