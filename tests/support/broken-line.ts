/**
 * A line to an HTTP server that breaks or stands still where a test wants it: passes requests on as they are,
 * with their Host, so that signatures stay valid, and answers up to the byte at which the plan ends them.
 */
import { createServer, request as forward } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen } from '../../local/listen.ts';

/**
 * How one answer ends early: after so many bytes of the body the connection dies, nothing more comes, or the answer
 * ends as if that were all of it.
 */
export type Break = { afterBytes: number; how: 'cut' | 'stall' | 'end'; meanwhile?: () => Promise<unknown> };

type Seen = { method: string | undefined; range: string | undefined; ifMatch: string | undefined };

/** Starts the line; `plan` decides how the answer to each request ends, counted from 0. */
export async function startBrokenLine(target: string, plan: (index: number) => Break | undefined) {
  const requests: Seen[] = [];
  const server = createServer((incoming, response) => {
    const { method, headers } = incoming;
    const end = plan(requests.length);
    requests.push({ method, range: headers.range, ifMatch: headers['if-match'] });
    const outgoing = forward(new URL(incoming.url ?? '', target), { method, headers, agent: false });
    outgoing.on('response', (answer) => void passOn(answer, response, end));
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  });
  const { url, close } = await listen(server, 0);
  return { url, close, requests };
}

async function passOn(
  answer: IncomingMessage,
  response: ServerResponse,
  end: Break | undefined,
): Promise<void> {
  const { headers } = answer;
  if (end?.how === 'end') delete headers['content-length'];
  response.writeHead(answer.statusCode ?? 0, headers);
  let left = end?.afterBytes ?? Number.POSITIVE_INFINITY;
  for await (const chunk of answer) {
    const piece = Buffer.from(chunk).subarray(0, left);
    left -= piece.length;
    await new Promise((resolve) => response.write(piece, resolve));
    if (left > 0) continue;
    await end?.meanwhile?.();
    if (end?.how === 'cut') response.destroy();
    if (end?.how === 'end') response.end();
    return;
  }
  response.end();
}
