/**
 * DynamoDB for the embedded stack: dynalite behind checks. It gets only whole requests that their sender is allowed to
 * make. By itself dynalite checks no signature and answers every web page. It also throws in an event listener, and so
 * ends the whole stack, when a client disconnects during a request, for example a function killed at its timeout.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import createDynalite from 'dynalite';
import { z } from 'zod';
import type { Allows } from './iam/policy.ts';
import { createSignatureCheck } from './iam/signed.ts';
import type { Signer } from './iam/signed.ts';
import type { AwsKey } from './keys.ts';
import { listen } from './listen.ts';

/**
 * Starts DynamoDB on loopback; tables and items live in `dataDirectory` and survive a restart. Without one they live in
 * memory, which is faster.
 */
export async function startDynamoDb({
  port,
  dataDirectory,
  credentials,
  allows = () => true,
}: {
  port: number;
  dataDirectory?: string;
  credentials: readonly AwsKey[];
  allows?: Allows | undefined;
}) {
  // dynalite opens its database at once and closes it only if it has listened, so this tries the port first.
  const trial = await listen(createServer(), port);
  await trial.close();
  const server = createDynalite({
    ...(dataDirectory !== undefined && { path: dataDirectory }),
    createTableMs: 0,
    deleteTableMs: 0,
    updateTableMs: 0,
  });
  const handlers = server.listeners('request');
  server.removeAllListeners('request');
  const findSigner = createSignatureCheck({ keys: credentials, services: ['dynamodb'] });

  /** Requests that dynalite is working on: until they end, its database must stay open. */
  const working = new Set<Promise<void>>();
  let isClosing = false;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = await buffer(request);
    const signer = await findSigner({ method, url, headers, body });
    if (signer === undefined) {
      return refuse(
        response,
        'UnrecognizedClientException',
        'the request is not signed with a key of this stack',
      );
    }
    if (!isAllowed(allows, { signer, target: String(headers['x-amz-target']), body })) {
      return refuse(response, 'AccessDeniedException', 'the role does not allow it');
    }
    const whole = Object.assign(Readable.from([body]), { method, url, headers });
    if (isClosing) {
      response.destroy();
      return;
    }
    track(response);
    for (const handle of handlers) handle.call(server, whole, response);
  }

  /** Keeps a request in `working` until dynalite answers it, even if the client has disconnected by then. */
  function track(response: ServerResponse): void {
    const answered = Promise.withResolvers<void>();
    const end = new Proxy(response.end.bind(response), {
      apply(target, _itself, args) {
        answered.resolve();
        return Reflect.apply(target, response, args);
      },
    });
    Object.assign(response, { end });
    working.add(answered.promise);
    void answered.promise.then(() => working.delete(answered.promise));
  }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response).catch(() => response.destroy());
  });
  const listening = await listen(server, port, { pages: { kind: 'none' } });
  return {
    ...listening,
    async close(): Promise<void> {
      isClosing = true;
      await Promise.all(working);
      await listening.close();
    },
  };
}

const bodySchema = z.looseObject({ TableName: z.string().optional(), IndexName: z.string().optional() });

/** https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html */
function isAllowed(
  allows: Allows,
  { signer, target, body }: { signer: Signer; target: string; body: Buffer },
): boolean {
  const { accessKeyId, region } = signer;
  const [, operation = ''] = target.split('.');
  const { TableName = '', IndexName } = bodySchema.parse(JSON.parse(body.toString() || '{}'));
  const table = `arn:aws:dynamodb:${region}:000000000000:table/${TableName}`;
  const resource = IndexName === undefined ? table : `${table}/index/${IndexName}`;
  return allows({ accessKeyId, action: `dynamodb:${operation}`, resource });
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html */
function refuse(response: ServerResponse, code: string, message: string): void {
  const body = { __type: `com.amazon.coral.service#${code}`, message };
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
}
