/**
 * A line to an HTTP server that passes everything on and keeps each request's bytes, for a test to read what really
 * went over it. The Host stays, so that signatures stay valid.
 */
import { createServer, request as forward } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { listen } from '../../local/listen.ts';

export type TappedRequest = { method: string | undefined; contentType: string; body: Buffer };

export async function startTappedLine(target: string) {
  const requests: TappedRequest[] = [];
  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers, url = '' } = incoming;
    const body = await buffer(incoming);
    requests.push({ method, contentType: headers['content-type'] ?? '', body });
    const outgoing = forward(new URL(url, target), { method, headers, agent: false });
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    outgoing.end(body);
  }
  const server = createServer((incoming, response) => {
    pass(incoming, response).catch(() => response.destroy());
  });
  const { url, close } = await listen(server, 0);
  return { url, close, requests };
}
