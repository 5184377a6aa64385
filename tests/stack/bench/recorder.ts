/**
 * Stands between the product and AWS's parts and writes down what is asked of them, as the bill would: passes every
 * request on as it is, changes nothing. Knows the services' calls by their wire forms.
 */
import { once } from 'node:events';
import { createServer, request as send } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** One request: `PutItem`, `SendMessage`, `Publish`, or for storage the method with its sub-resource: `GET ?uploadId`. */
export type Call = { name: string; body: string };

export type Recorder = Awaited<ReturnType<typeof startRecorder>>;

export async function startRecorder(target: string) {
  const calls: Call[] = [];
  const { hostname, port } = new URL(target);

  const server = createServer((incoming, outgoing) => {
    void pass(incoming, outgoing).catch(() => outgoing.destroy());
  });

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    calls.push({ name: nameOf(incoming, body), body: body.toString('latin1') });
    const { method, url: path, headers } = incoming;
    // The host stays the one that was signed.
    const onward = send({ hostname, port, method, path, headers });
    onward.end(body);
    const [answer]: IncomingMessage[] = await once(onward, 'response');
    outgoing.writeHead(answer?.statusCode ?? 502, answer?.headers);
    answer?.pipe(outgoing);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();

  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    /** What was asked since the last time, in this order. */
    take: (): Call[] => calls.splice(0),
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function nameOf({ method = '', url = '', headers }: IncomingMessage, body: Buffer): string {
  const { 'x-amz-target': target } = headers;
  if (typeof target === 'string') return target.slice(target.indexOf('.') + 1);
  const action = /(?:^|&)Action=(\w+)/.exec(body.subarray(0, 2000).toString('latin1'))?.[1];
  if (action !== undefined && method === 'POST') return action;
  const subresource = ['uploadId', 'uploads'].find((name) =>
    new URL(url, 'http://s3').searchParams.has(name),
  );
  return subresource === undefined ? method : `${method} ?${subresource}`;
}
