import { beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as openRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { putFile } from '../support/answer.ts';
import { expectContract, operations } from '../support/contract.ts';
import { FORM_TYPE, filePart, form } from '../support/form.ts';
import { attachPath } from '../support/product-stack.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

type Call = { body?: object | string; headers?: Record<string, string>; bearer?: string };
type Called = [request: string, call?: Call];
/** A file in parts of a page with Uppy. */
type Page = { base: string; id: string; query: string };
type Reach = (user: User) => Promise<unknown>;

const PROBLEM = 'application/problem+json';
const PART_BYTES = 5 * 1024 ** 2;
const LARGEST = PART_BYTES + 1;
const MOST = 3;
const [full, missing, forbidden, refusing] = ['1', '2', '3', '4'].map((end) => `95623906717693541${end}`);
const file = { projectId, issueId, filename: 'a.bin', contentType: 'a/b', size: 5 };
const session = { projectId, issueId };

/** Problems that no caller can cause; every route may answer them. */
const SERVICE_PROBLEMS = new Set(['internal', 'unavailable']);
/** Where a scan is required, no file goes on without one: the tests of the scan gate show it. */
const ELSEWHERE = ['attachFile scan_refused', 'downloadFile not_found', 'downloadFile rate_limited'];

const product = await useProduct({
  environment: {
    PROJECTS_CLAIM: 'projects',
    MAX_FILE_BYTES: String(LARGEST),
    MAX_OPEN_UPLOADS: String(MOST),
    UPLOADS_PER_MINUTE: String(MOST),
    IPD_RATE: '12000',
  },
});
beforeEach(async () => {
  await product.ipdSettings({ fullIssues: [full], missingIssues: [missing], forbiddenIssues: [forbidden] });
  const refused = { kind: 'answer', status: 200, body: { status: 'error', message: 'Upload failed.' } };
  await product.faults([{ match: { operation: 'upload', issueId: refusing }, fault: refused }]);
});

type User = Awaited<ReturnType<typeof newUser>>;

/** A user of their own for each case. */
async function newUser() {
  const sub = randomUUID();
  const token = await product.mint({ sub, projects: [projectId] });
  const strange = await product.mint({ sub, projects: ['f'.repeat(32)] });
  const nullSubject = await product.mint({ sub: 'null', projects: [projectId] });

  const call = (request: string, { headers, bearer = token, ...more }: Call = {}) =>
    product.call(request, {
      ...more,
      headers: { authorization: `Bearer ${bearer}`, 'x-auth-token': bearer, ...headers },
    });
  const create = (more: object = {}) => call('POST /v1/uploads', { body: { ...file, ...more } });
  const cancel = (id: string) => call(`DELETE /v1/uploads/${id}`);

  async function beginParts(size = 10) {
    const { body } = await call('POST /v1/uppy-sessions', {
      body: { ...session, files: [{ name: 'a.bin', size }] },
    });
    const base = `${new URL(String(body['companionEndpoint'])).pathname}/s3`;
    const begun = await call(`POST ${base}/multipart`, { body: { filename: 'a.bin' } });
    const id = String(begun.body['uploadId']);
    return { base, id, query: `?key=staging/${id}` };
  }

  return { token, strange, nullSubject, call, create, cancel, beginParts };
}

const attachTo = (item: object = {}): string => `POST ${attachPath({ projectId, issueId, ...item })}`;
const attachment = (content: string | Buffer = 'hello') => ({
  body: form(filePart('a.txt', content)),
  headers: { 'content-type': FORM_TYPE },
});

/** What a route is called with: by operation, about this upload. */
const requests: Record<string, (id: string) => Called> = {
  createUpload: () => ['POST /v1/uploads', { body: file }],
  listUploads: () => ['GET /v1/uploads'],
  getUpload: (id) => [`GET /v1/uploads/${id}`],
  cancelUpload: (id) => [`DELETE /v1/uploads/${id}`],
  signUpload: (id) => [`POST /v1/uploads/${id}/urls`],
  completeUpload: (id) => [`POST /v1/uploads/${id}/complete`],
  retryUpload: (id) => [`POST /v1/uploads/${id}/retry`],
  getLimits: () => ['GET /v1/limits'],
  attachFile: () => [attachTo(), attachment()],
  createUppySession: () => ['POST /v1/uppy-sessions', { body: session }],
};

/** The same behind a ticket. */
const pageRequests: Record<string, (of: { base: string; id: string; query: string }) => [string, Call?]> = {
  getUppyForm: ({ base }) => [`GET ${base}/params?filename=a.bin`],
  createUppyMultipart: ({ base }) => [`POST ${base}/multipart`, { body: { filename: 'a.bin' } }],
  listUppyParts: ({ base, id, query }) => [`GET ${base}/multipart/${id}${query}`],
  abortUppyMultipart: ({ base, id, query }) => [`DELETE ${base}/multipart/${id}${query}`],
  signUppyPart: ({ base, id, query }) => [`GET ${base}/multipart/${id}/1${query}`],
  completeUppyMultipart: ({ base, id, query }) => [
    `POST ${base}/multipart/${id}/complete${query}`,
    { body: { parts: [{ PartNumber: 1, ETag: 'x' }] } },
  ],
};

const requestOf = (operationId: string, id: string = randomUUID()): Called =>
  requests[operationId]?.(id) ?? [''];
const pageRequestOf = (operationId: string, of: Page): Called => pageRequests[operationId]?.(of) ?? [''];

/** Each problem of each operation, and how a caller comes to it. */
const reaches: Record<string, Reach> = {};

function reach(
  code: string,
  operationIds: string[],
  how: (user: User, operationId: string) => Promise<unknown>,
) {
  for (const operationId of operationIds)
    reaches[`${operationId} ${code}`] = (user) => how(user, operationId);
}

const withToken = Object.keys(requests);
const withTicket = Object.keys(pageRequests);
const aboutOne = ['getUpload', 'cancelUpload', 'signUpload', 'completeUpload', 'retryUpload'];
const beginning = ['createUpload', 'createUppySession'];
const ofParts = ['listUppyParts', 'abortUppyMultipart', 'signUppyPart', 'completeUppyMultipart'];

reach('no_subject', withToken, (user, name) => {
  const [request, call] = requestOf(name);
  return user.call(request, { ...call, bearer: user.nullSubject });
});
reach('not_found', aboutOne, (user, name) => user.call(...requestOf(name)));
reach('project_forbidden', [...beginning, 'attachFile'], (user, name) => {
  const [request, call] = requestOf(name);
  return user.call(request, { ...call, bearer: user.strange });
});
reach('project_forbidden', ['signUpload', 'completeUpload', 'retryUpload'], async (user, name) => {
  const [request] = requestOf(name, (await user.create()).id);
  return user.call(request, { bearer: user.strange });
});
reach('upload_state_conflict', ['signUpload', 'completeUpload', 'retryUpload'], async (user, name) => {
  const { id } = await user.create();
  await user.cancel(id);
  return user.call(...requestOf(name, id));
});
reach('upload_state_conflict', ['cancelUpload'], async (user) => {
  const { id, signed } = await user.create();
  await putFile(signed(), randomBytes(file.size));
  await ended(id);
  return user.cancel(id);
});
reach('upload_incomplete', ['completeUpload'], async (user, name) =>
  user.call(...requestOf(name, (await user.create()).id)),
);
reach('invalid_request', beginning, (user, name) => user.call(requestOf(name)[0], { body: {} }));
reach('invalid_request', ['listUploads'], (user) => user.call('GET /v1/uploads?limit=0'));
reach('invalid_request', ['attachFile'], (user) => user.call(attachTo({ issueId: '1' }), attachment()));
reach('invalid_json', beginning, (user, name) =>
  user.call(requestOf(name)[0], { body: '{', headers: { 'content-type': 'application/json' } }),
);
reach('invalid_form', ['attachFile'], (user) =>
  user.call(attachTo(), { body: 'x', headers: { 'content-type': FORM_TYPE } }),
);
reach('unsupported_media_type', [...beginning, 'attachFile'], (user, name) =>
  user.call(requestOf(name)[0], { body: 'x', headers: { 'content-type': 'text/plain' } }),
);
for (const [code, issue] of [
  ['work_item_full', full],
  ['work_item_missing', missing],
  ['ipd_forbidden', forbidden],
] as const) {
  reach(code, beginning, async (user, name) => {
    const [request, call] = requestOf(name);
    for (;;) {
      const answer = await user.call(request, { body: { ...Object(call?.body), issueId: issue } });
      // IPD was slower than the time that the check has: the upload passes.
      if (answer.status !== 201) return answer;
    }
  });
  reach(code, ['attachFile'], (user) => user.call(attachTo({ issueId: issue }), attachment()));
}
reach('file_too_large', ['createUpload'], (user) => user.create({ size: LARGEST + 1 }));
reach('file_too_large', ['createUppySession'], (user, name) =>
  user.call(requestOf(name)[0], {
    body: { ...session, files: [{ name: 'a.bin', size: LARGEST + 1 }] },
  }),
);
reach('file_too_large', ['attachFile'], (user) => user.call(attachTo(), attachment(Buffer.alloc(4_500_001))));
reach('idempotency_key_reused', ['createUpload', 'attachFile'], async (user, name) => {
  const headers = { 'idempotency-key': randomUUID() };
  await user.call('POST /v1/uploads', { body: { ...file, size: 6 }, headers });
  const [request, call] = requestOf(name);
  return user.call(request, { ...call, headers: { ...call?.headers, ...headers } });
});
reach('too_many_open_uploads', [...beginning, 'attachFile'], async (user, name) => {
  for (let count = 0; count < MOST; count += 1) await user.create();
  return user.call(...requestOf(name));
});
reach('rate_limited', ['createUpload'], (user) => untilRefused(() => user.create(), user));
reach('rate_limited', ['createUppySession', 'attachFile'], (user, name) =>
  untilRefused(() => user.call(...requestOf(name)), user),
);
reach('rate_limited', ['retryUpload'], async (user, name) => {
  const { id, signed } = await user.create({ issueId: refusing });
  await putFile(signed(), randomBytes(file.size));
  return untilRefused(async () => {
    await ended(id);
    return user.call(...requestOf(name, id));
  }, user);
});
reach('delivery_failed', ['attachFile'], (user) => user.call(attachTo({ issueId: refusing }), attachment()));

reach('ticket_invalid', withTicket, (user, name) => {
  const id = randomUUID();
  return user.call(...pageRequestOf(name, { base: '/v1/uppy/tk_x/s3', id, query: `?key=staging/${id}` }));
});
reach('not_found', ofParts, async (user, name) => {
  const id = randomUUID();
  const { base } = await user.beginParts();
  return user.call(...pageRequestOf(name, { base, id, query: `?key=staging/${id}` }));
});
reach('invalid_request', ofParts, async (user, name) =>
  user.call(...pageRequestOf(name, { ...(await user.beginParts()), query: '' })),
);
reach('invalid_request', ['getUppyForm'], async (user) =>
  user.call(`GET ${(await user.beginParts()).base}/params`),
);
reach('invalid_request', ['createUppyMultipart'], async (user) =>
  user.call(`POST ${(await user.beginParts()).base}/multipart`, { body: {} }),
);
reach('invalid_json', ['createUppyMultipart', 'completeUppyMultipart'], async (user, name) =>
  user.call(pageRequestOf(name, await user.beginParts())[0], {
    body: '{',
    headers: { 'content-type': 'application/json' },
  }),
);
reach('unsupported_media_type', ['createUppyMultipart', 'completeUppyMultipart'], async (user, name) =>
  user.call(pageRequestOf(name, await user.beginParts())[0], {
    body: '{}',
    headers: { 'content-type': 'text/plain' },
  }),
);
reach('too_many_open_uploads', ['getUppyForm', 'createUppyMultipart'], async (user, name) => {
  const page = await user.beginParts();
  for (let count = 1; count < MOST; count += 1) await user.create();
  return user.call(...pageRequestOf(name, page));
});
reach('rate_limited', ['getUppyForm', 'createUppyMultipart'], async (user, name) => {
  const page = await user.beginParts();
  await user.cancel(page.id);
  return untilRefused(() => user.call(...pageRequestOf(name, page)), user);
});
reach(
  'upload_state_conflict',
  ['listUppyParts', 'signUppyPart', 'completeUppyMultipart'],
  async (user, name) => {
    const page = await user.beginParts();
    await user.cancel(page.id);
    return user.call(...pageRequestOf(name, page));
  },
);
reach('upload_state_conflict', ['abortUppyMultipart'], async (user, name) => {
  const page = await user.beginParts();
  await user.call(`POST ${page.base}/multipart/${page.id}/complete${page.query}`, {
    body: { parts: [await putPart(user, page, 5)] },
  });
  await ended(page.id);
  return user.call(...pageRequestOf(name, page));
});
reach('upload_incomplete', ['completeUppyMultipart'], async (user, name) =>
  user.call(...pageRequestOf(name, await user.beginParts())),
);
reach('file_too_large', ['signUppyPart'], async (user) => {
  const { base, id, query } = await user.beginParts();
  return user.call(`GET ${base}/multipart/${id}/2${query}`);
});
reach('file_too_large', ['completeUppyMultipart'], async (user, name) => {
  const page = await user.beginParts();
  const parts = [await putPart(user, page, 11)];
  return user.call(pageRequestOf(name, page)[0], { body: { parts } });
});

async function putPart(user: User, { base, id, query }: Page, size: number) {
  const { body } = await user.call(`GET ${base}/multipart/${id}/1${query}`);
  const stored = await putFile({ url: String(body['url']), headers: {} }, randomBytes(size));
  return { PartNumber: 1, ETag: stored.headers.get('etag') ?? '' };
}

/** IPD has it, or has refused it. */
async function ended(id: string): Promise<void> {
  for (;;) {
    const upload = await product.ledger.find(id);
    if (upload?.status === 'delivered' || upload?.status === 'failed') return;
    await delay(25);
  }
}

/** A new minute may begin in between and reset the rate. Cancelled uploads count only towards the rate. */
async function untilRefused(act: () => Promise<{ status: number; id: string }>, user: User) {
  let answer = await act();
  for (let count = 0; count < 2 * MOST + 1 && answer.status < 400; count += 1) {
    const { body } = await user.call('GET /v1/uploads?state=open');
    for (const { id } of Object(body)['uploads']) if (answer.status !== 202) await user.cancel(id);
    answer = await act();
  }
  return answer;
}

describe('openapi.yaml', () => {
  it('names for each operation the problems that a caller can come to, and no other', () => {
    const described = operations.flatMap(({ operationId, responses }) =>
      Object.values(responses).flatMap(({ content }) =>
        Object.keys(content[PROBLEM]?.examples ?? {}).map((code) => `${operationId} ${code}`),
      ),
    );

    const byCallers = described.filter((name) => !SERVICE_PROBLEMS.has(name.split(' ')[1] ?? ''));
    expect(byCallers.toSorted()).toEqual([...Object.keys(reaches), ...ELSEWHERE].toSorted());
    for (const code of SERVICE_PROBLEMS) {
      expect(described.filter((name) => name.endsWith(` ${code}`))).toHaveLength(operations.length);
    }
  });

  it.each(Object.keys(reaches))('names an answer that the service gives: %s', async (name) => {
    const answer = await reaches[name]?.(await newUser());

    expect(answer).toMatchObject({ body: { code: name.split(' ')[1] } });
  });

  it.each(operations.map(({ routeKey }) => routeKey))(
    'describes the answer to a body of eleven megabytes: %s',
    async (route) => {
      const [method = '', template = ''] = route.split(' ');
      const path = template.replaceAll(/\{\w+\}/g, 'x');

      const sent = openRequest(`${product.urls.apiUrl}${path}`, {
        method,
        headers: { 'content-length': 11_000_000, authorization: `Bearer ${product.token}` },
      });
      sent.end(Buffer.alloc(11_000_000));
      const [answer]: IncomingMessage[] = await once(sent, 'response');
      if (answer === undefined) throw new Error('there is no answer');

      const headers = Object.entries(answer.headers).map(([key, value]): [string, unknown] => [key, value]);
      const body = await text(answer);
      expect(answer.statusCode).toBe(413);
      expectContract({ request: `${method} ${path}`, status: 413, headers, body });
    },
  );
});
