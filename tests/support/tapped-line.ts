/**
 * A line to an HTTP server that passes everything on and keeps each request's bytes, for a test to read what really
 * went over it. The Host stays, so that signatures hold.
 */
import { createServer, request as forward } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { listen } from '../../local/listen.ts';

export type TappedRequest = { method: string | undefined; contentType: string; body: Buffer };

export async function startTappedLine(target: string) {
  const requests: TappedRequest[] = [];
  const server = createServer((incoming, response) => {
    const { method, headers, url = '' } = incoming;
    void buffer(incoming).then((body) => {
      requests.push({ method, contentType: headers['content-type'] ?? '', body });
      const outgoing = forward(new URL(url, target), { method, headers, agent: false });
      outgoing.on('response', (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      outgoing.on('error', () => response.destroy());
      outgoing.end(body);
    });
  });
  const { url, close } = await listen(server, 0);
  return { url, close, requests };
}
