/**
 * Calls to a running fake IPD, as a client would make them: the tests of this folder share it. It asserts nothing.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { startFakeIpd, type FakeIpdOptions } from '../../../local/ipd/server.ts';
import { canonicalRequestOf, signatureOf } from '../../../local/ipd/signature.ts';

export const credentials = {
  accessKey: 'EXAMPLEAK0000000000A',
  secretKey: 'exampleSecretKey00000000000000000000000A',
  domain: 'example-account',
  username: 'bridge',
  password: 'example-password',
};

export const projectId = '0123456789abcdef0123456789ABCDEF';
export const issueId = '956239067176935400';
export const uploadPath = `/v1/ipdprojectservice/projects/${projectId}/issues/${issueId}/attachments/upload`;
export const listPath = `/v1/ipdprojectservice/projects/${projectId}/attachments?issue_id=${issueId}`;

const resultSchema = z.object({
  status: z.string(),
  message: z.string().nullable(),
  result: z.array(z.record(z.string(), z.unknown())).nullable(),
});

type Call = Omit<RequestInit, 'headers'> & { headers?: Record<string, string>; duplex?: 'half' };

export type Client = Awaited<ReturnType<typeof startClient>>;

/** A fake IPD on a free port, with a token for it. */
export async function startClient(options: Partial<FakeIpdOptions> = {}) {
  const ipd = await startFakeIpd({ port: 0, credentials, ...options });
  let token = await fetchToken(ipd.url);

  function call(path: string, init: Call = {}): Promise<Response> {
    return fetch(`${ipd.url}${path}`, { ...init, headers: { 'x-auth-token': token, ...init.headers } });
  }

  function upload(
    file: { name?: string; bytes?: string | Uint8Array<ArrayBuffer>; path?: string } = {},
  ): Promise<Response> {
    const form = new FormData();
    form.append('attachment', new Blob([file.bytes ?? 'hello']), file.name ?? 'hello.txt');
    return call(file.path ?? uploadPath, { method: 'POST', body: form });
  }

  async function list(path = listPath) {
    return resultSchema.parse(await (await call(path)).json()).result ?? [];
  }

  async function admin(method: string, path: string, body?: unknown): Promise<unknown> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`${ipd.url}/__admin${path}`, init);
    return response.status === 204 ? undefined : response.json();
  }

  return {
    ...ipd,
    call,
    upload,
    list,
    admin,
    token: () => token,
    renewToken: async () => {
      token = await fetchToken(ipd.url);
    },
    attachments: async () =>
      z.array(z.looseObject({ id: z.string() })).parse(await admin('GET', '/attachments')),
  };
}

/** The body of an upload's or a list's answer. */
export async function resultOf(response: Response) {
  return resultSchema.parse(await response.json());
}

/** The body of a token call. */
export function tokenRequest(user: { name?: string; password?: string } = {}): object {
  const { username, password, domain } = credentials;
  return {
    auth: {
      identity: {
        methods: ['password'],
        password: { user: { name: username, password, domain: { name: domain }, ...user } },
      },
      scope: { project: { name: 'cn-north-4' } },
    },
  };
}

/** One token call; it may fail. */
export function requestToken(url: string, body: object = tokenRequest(), query = ''): Promise<Response> {
  return fetch(`${url}/v3/auth/tokens${query}`, { method: 'POST', body: JSON.stringify(body) });
}

async function fetchToken(url: string): Promise<string> {
  const response = await requestToken(url);
  return response.headers.get('x-subject-token') ?? '';
}

/** A multipart body written by hand, to send what a well-behaved client would not. */
export function rawForm(...parts: { disposition: string; content?: string }[]): string {
  const written = parts.map(
    ({ disposition, content = 'hello' }) =>
      `--limit\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: text/plain\r\n\r\n${content}\r\n`,
  );
  return `${written.join('')}--limit--\r\n`;
}

export const rawFormType = 'multipart/form-data; boundary=limit';

/** Headers of a request signed with AK/SK; `payload` is what the signature covers, or UNSIGNED-PAYLOAD. */
export function sign(request: {
  url: string;
  method: string;
  payload: string;
  at?: number;
  secretKey?: string;
  accessKey?: string;
  securityToken?: string;
  /** A header that is sent, but not signed. */
  unsignedHeader?: string;
}): Record<string, string> {
  const { host, pathname, search } = new URL(request.url);
  const date = new Date(request.at ?? Date.now()).toISOString().replace(/[-:]|\.\d+/g, '');
  const isUnsigned = request.payload === 'UNSIGNED-PAYLOAD';
  const headers: Record<string, string> = {
    'x-sdk-date': date,
    ...(isUnsigned ? { 'x-sdk-content-sha256': request.payload } : {}),
    ...(request.securityToken === undefined ? {} : { 'x-security-token': request.securityToken }),
  };
  const signedHeaders = ['host', ...Object.keys(headers)]
    .filter((name) => name !== request.unsignedHeader)
    .toSorted();
  const canonicalRequest = canonicalRequestOf({
    method: request.method,
    url: pathname + search,
    headers: { ...headers, host },
    signedHeaders,
    payloadHash: isUnsigned ? request.payload : createHash('sha256').update(request.payload).digest('hex'),
  });
  const signature = signatureOf({
    secretKey: request.secretKey ?? credentials.secretKey,
    date,
    canonicalRequest,
  });
  const access = request.accessKey ?? credentials.accessKey;
  return {
    ...headers,
    authorization: `SDK-HMAC-SHA256 Access=${access}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`,
  };
}
