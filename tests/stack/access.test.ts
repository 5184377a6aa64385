import { beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readService } from '../../local/template.ts';
import { FORM_TYPE, filePart, form } from '../support/form.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

type Bearer = { token: string; ticket: string };
type Expected = { status: number; body?: object };

const PARAMETER = /\{(\w+)\}/g;
const SECRET = 'secret-of-the-owner';

const item = { projectId, issueId };
const key = randomUUID();
const file = { ...item, filename: `${SECRET}.bin`, contentType: 'video/mp4', size: 5, mode: 'multipart' };
const notFound = { status: 404, body: { code: 'not_found' } };
const forbidden = { status: 403, body: { code: 'project_forbidden' } };

/** It has no authorizer: a browser follows a link without a token, and the secret in its path decides. */
const DOWNLOAD = 'GET /v1/files/{id}/{secret}';

/** The answer to a user who is not the owner; and to one without access to the project, if that answer differs. */
const cases: Record<string, { stranger: Expected; outsider?: Expected; body?: object; query?: string }> = {
  'POST /v1/uploads': {
    stranger: { status: 201 },
    outsider: forbidden,
    body: { ...file, filename: 'a.bin' },
  },
  'GET /v1/uploads': { stranger: { status: 200 } },
  'GET /v1/uploads/{id}': { stranger: notFound },
  'DELETE /v1/uploads/{id}': { stranger: notFound },
  'POST /v1/uploads/{id}/urls': { stranger: notFound },
  'POST /v1/uploads/{id}/complete': { stranger: notFound },
  'POST /v1/uploads/{id}/retry': { stranger: notFound },
  'GET /v1/limits': { stranger: { status: 200 } },
  $default: { stranger: notFound },
  [DOWNLOAD]: { stranger: notFound },
  'POST /v1/uppy-sessions': { stranger: { status: 201 }, outsider: forbidden, body: item },
  'GET /v1/uppy/{ticket}/s3/params': { stranger: { status: 200 }, query: '?filename=a.bin' },
  'POST /v1/uppy/{ticket}/s3/multipart': { stranger: { status: 200 }, body: { filename: 'a.bin' } },
  'GET /v1/uppy/{ticket}/s3/multipart/{uploadId}': { stranger: notFound },
  'DELETE /v1/uppy/{ticket}/s3/multipart/{uploadId}': { stranger: notFound },
  'GET /v1/uppy/{ticket}/s3/multipart/{uploadId}/{partNumber}': { stranger: notFound },
  'POST /v1/uppy/{ticket}/s3/multipart/{uploadId}/complete': {
    stranger: notFound,
    body: { parts: [{ PartNumber: 1, ETag: 'x' }] },
  },
  'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload': {
    stranger: { status: 200 },
    outsider: forbidden,
    body: form(filePart()),
  },
};

const names = Object.keys(cases);
const withTicket = names.filter((name) => name.includes('{ticket}'));
const withToken = names.filter((name) => ![...withTicket, DOWNLOAD, '$default'].includes(name));

const product = await useProduct({ environment: { PROJECTS_CLAIM: 'projects' } });
let owner: Bearer;
let stranger: Bearer;
let outsider: string;
/** The owner's uploads: one by the app, one by Uppy. */
let id: string;
let uploadId: string;

beforeAll(async () => {
  const mint = (sub: string, projects: string[]) => product.mint({ sub, projects });
  const [theirs, others] = [await mint('owner', [projectId]), await mint('stranger', [projectId])];
  outsider = await mint('outsider', ['f'.repeat(32)]);
  owner = { token: theirs, ticket: await openSession(theirs) };
  stranger = { token: others, ticket: await openSession(others) };
  const headers = { authorization: `Bearer ${owner.token}`, 'idempotency-key': key };
  ({ id } = await product.call('POST /v1/uploads', { headers, body: file }));
  const begun = await product.call(`POST /v1/uppy/${owner.ticket}/s3/multipart`, {
    body: { filename: SECRET },
  });
  uploadId = String(begun.body['uploadId']);
});

async function openSession(token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const { body } = await product.call('POST /v1/uppy-sessions', { headers, body: item });
  return String(body['companionEndpoint']).split('/').at(-1) ?? '';
}

/** Calls a route about the owner's uploads. */
function ask(name: string, { token, ticket }: Bearer) {
  const { body, query = `?key=staging/${uploadId}` } = cases[name] ?? {};
  const values: Record<string, string> = {
    id,
    uploadId,
    ticket,
    secret: 'guessed',
    partNumber: '1',
    project_id: projectId,
    issue_id: issueId,
  };
  const route = name === '$default' ? 'GET /v1/nothing' : name;
  const path = route.replaceAll(PARAMETER, (_match, parameter: string) => values[parameter] ?? '');
  return product.call(name.includes('{uploadId}') || cases[name]?.query ? `${path}${query}` : path, {
    headers: {
      authorization: token && `Bearer ${token}`,
      'x-auth-token': token,
      ...(name === 'POST /v1/uploads' && { 'idempotency-key': key }),
      ...(Buffer.isBuffer(body) && { 'content-type': FORM_TYPE }),
    },
    ...(body && { body }),
  });
}

describe('every route of the service', () => {
  it('is tried here', () => {
    expect(names.toSorted()).toEqual(readRoutes().toSorted());
  });

  it.each(withToken)('is closed without a token, and with one that is none: %s', async (name) => {
    const [head = '', claims = '', signature = ''] = owner.token.split('.');
    const unsigned = Buffer.from('{"alg":"none","kid":"x"}').toString('base64url');
    const altered = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;

    for (const token of ['', 'garbage', 'a.b.c', `${unsigned}.${claims}.`, `${head}.${claims}.${altered}`]) {
      const answer = await ask(name, { token, ticket: '' });

      expect(answer).toMatchObject({ status: 401, body: { message: 'Unauthorized' } });
      expect(Object.keys(answer.body)).toEqual(['message']);
    }
  });

  it.each(withTicket)('is closed without a ticket that is good: %s', async (name) => {
    const cut = owner.ticket.slice(0, -1);

    for (const ticket of [
      'garbage',
      'tk_',
      cut,
      `${cut}${owner.ticket.endsWith('A') ? 'E' : 'A'}`,
      uploadId,
    ]) {
      const answer = await ask(name, { token: owner.token, ticket });

      expect(answer).toMatchObject({ status: 401, body: { code: 'ticket_invalid' } });
      expect(JSON.stringify(answer.body)).not.toContain(cut);
    }
  });

  it.each(names)("shows a stranger nothing of the owner's: %s", async (name) => {
    const answer = await ask(name, stranger);

    expect(answer).toMatchObject(cases[name]?.stranger ?? {});
    expect(answer.id).not.toBe(id);
    expect(JSON.stringify(answer.body)).not.toContain(SECRET);
  });

  it.each(withToken)('keeps a user out of a project that is not open to that user: %s', async (name) => {
    const answer = await ask(name, { token: outsider, ticket: '' });

    const { outsider: expected, stranger: usual } = cases[name] ?? {};
    expect(answer).toMatchObject(expected ?? usual ?? {});
    expect(JSON.stringify(answer.body)).not.toContain(SECRET);
  });

  it('begins uploads for the user who got the ticket, even when another user sends it', async () => {
    const answer = await ask('POST /v1/uppy/{ticket}/s3/multipart', {
      token: owner.token,
      ticket: stranger.ticket,
    });

    expect(await product.ledger.find(String(answer.body['uploadId']))).toMatchObject({ owner: 'stranger' });
  });

  // The last of the file: it reads what all tests before have left.
  it("has left the owner's uploads as they were, for the owner to see", async () => {
    const headers = { authorization: `Bearer ${owner.token}` };
    const { body } = await product.call('GET /v1/uploads', { headers });

    expect(body).toMatchObject({
      uploads: [
        { id: uploadId, status: 'awaiting_upload' },
        { id, status: 'awaiting_upload' },
      ],
    });
    for (const one of [id, uploadId]) {
      expect(await product.ledger.find(one)).toMatchObject({ owner: 'owner', version: 1 });
    }
  });
});

/** The routes as serverless.yml has them. */
function readRoutes(): string[] {
  const httpApi = z.union([z.string(), z.object({ method: z.string(), path: z.string() })]);
  const event = z.object({ httpApi });
  const service = readService({ directory: join(import.meta.dirname, '../..'), env: {} });
  return Object.values(service.functions)
    .flatMap(({ events }) => events.flatMap((one) => event.safeParse(one).data ?? []))
    .map(({ httpApi: route }) => (typeof route === 'string' ? '$default' : `${route.method} ${route.path}`));
}
