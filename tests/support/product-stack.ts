/**
 * The whole product behind the embedded stack's gateway, on free ports: what a mobile app sees, and the
 * admin interfaces of the fake IPD and the ledger. Collects every line that any function logs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import type { WorkItem } from '../../lib/domain/upload.ts';
import { systemClock } from '../../lib/runtime/clock.ts';
import { createWholeLedger } from './ledger.ts';
import { startStack } from '../../local/stack.ts';
import { compileCache } from './compile-cache.ts';
import { readAnswer } from './answer.ts';
import { expectContract } from './contract.ts';
import { createLogCollector, makeTemporaryDirectory } from './probe-stack.ts';
import { startStorage } from './storage.ts';
import { issueId, projectId } from './world.ts';

const ATTACH_PATH = attachPath({ projectId, issueId });

export type Product = Awaited<ReturnType<typeof startProduct>>;
export type ProductOnStorage = Awaited<ReturnType<typeof startProductOnStorage>>;

const tokenAnswer = z.object({ access_token: z.string() });
const attachmentsAnswer = z.array(
  z.object({ id: z.string(), size: z.number(), sha256: z.string(), filename: z.string() }),
);
const linksAnswer = z.array(z.object({ id: z.string(), title: z.string(), url: z.string() }));
const FINAL = new Set(['delivered', 'failed', 'expired', 'cancelled', 'removed']);

export function attachPath(item: WorkItem): string {
  return `/v1/ipdprojectservice/projects/${item.projectId}/issues/${item.issueId}/attachments/upload`;
}

/** Starts everything; `stop` leaves nothing behind. `environment`: settings of this stack. */
export async function startProduct({ environment = {} }: { environment?: Record<string, string> } = {}) {
  const data = await makeTemporaryDirectory();
  const logs = createLogCollector();
  const stack = await startStack({
    ports: 'free',
    dataDirectory: data.path,
    cacheDirectory: compileCache(),
    environment,
    onLog: logs.log,
  });
  const { urls } = stack;
  const token = await mint({ sub: 'user-1' });
  const dynamodb = new DynamoDBClient({
    region: 'eu-central-1',
    endpoint: urls.dynamodbUrl,
    credentials: stack.credentials,
  });
  const ledger = createWholeLedger({
    client: DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } }),
    table: 'ipd-attachment-bridge-dev-uploadstable',
    clock: systemClock,
  });

  async function mint(request: { sub: string; projects?: string[] }): Promise<string> {
    const response = await fetch(urls.tokenUrl, { method: 'POST', body: JSON.stringify(request) });
    return tokenAnswer.parse(await response.json()).access_token;
  }

  async function call(
    request: string,
    { headers, body }: { headers?: Record<string, string>; body?: string | Buffer | object } = {},
  ) {
    const [method = '', path = ''] = request.split(' ');
    const isJson = typeof body === 'object' && !Buffer.isBuffer(body);
    const response = await fetch(`${urls.apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(isJson && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: encode(body),
    });
    const { status, headers: answered } = response;
    const text = await response.text();
    expectContract({ request, status, headers: answered, body: text });
    return { status, headers: answered, ...readAnswer(text) };
  }

  async function admin(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${urls.ipdAdminUrl}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return response.status === 204 ? undefined : response.json();
  }

  return {
    ...stack,
    logs,
    token,
    mint,
    ledger,
    call,

    /** Sends a body to IPD's own upload route, with its kind of token. */
    attach: (
      body: string | Buffer | object | undefined,
      headers: Record<string, string>,
      path: string = ATTACH_PATH,
    ) =>
      call(`POST ${path}`, {
        headers: { 'x-auth-token': token, ...headers },
        ...(body !== undefined && { body }),
      }),

    /** Asks again and again until the upload is as wanted; answers with the statuses seen on the way. */
    async follow(id: string, until: (status: string) => boolean = (status) => FINAL.has(status)) {
      const seen: string[] = [];
      for (;;) {
        const answer = await call(`GET /v1/uploads/${id}`);
        const status = String(answer.body['status']);
        if (seen.at(-1) !== status) seen.push(status);
        if (until(status)) return { ...answer, seen };
        await delay(25);
      }
    },

    received: async () => attachmentsAnswer.parse(await admin('GET', '/attachments')),
    links: async () => linksAnswer.parse(await admin('GET', '/links')),
    faults: (faults: unknown[]) => admin('PUT', '/faults', faults),
    ipdSettings: (values: unknown) => admin('PUT', '/settings', values),
    resetIpd: () => admin('DELETE', ''),

    async stop(): Promise<void> {
      dynamodb.destroy();
      await stack.stop();
      await data.remove();
    },
  };
}

/**
 * Starts everything on a storage of this process: what was asked of it can be read, and its clock set. `environment`:
 * settings of this stack.
 */
export async function startProductOnStorage(environment: Record<string, string> = {}) {
  const storage = await startStorage();
  const product = await startProduct({ environment: { ...storage.environment, ...environment } });
  return {
    ...product,
    storage,

    async stop(): Promise<void> {
      await product.stop();
      await storage.stop();
    },
  };
}

function encode(body: string | Buffer | object | undefined): string | Uint8Array<ArrayBuffer> | null {
  if (body === undefined) return null;
  if (Buffer.isBuffer(body)) return new Uint8Array(body);
  return typeof body === 'string' ? body : JSON.stringify(body);
}
