import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { failureCodes, problems, retryableFailureCodes } from '../../lib/domain/errors.ts';
import * as lifecycle from '../../lib/domain/lifecycle.ts';
import { en } from '../../lib/texts/en.ts';
import { toMessage } from '../../lib/messaging/notifications.ts';
import { newSession, newUpload } from '../../lib/http/schemas.ts';
import { uploadSchema } from '../../lib/domain/upload.ts';
import { readService } from '../../local/template.ts';
import { contract, expectContract, faultsOf, operations } from '../support/contract.ts';
import { issueId, projectId } from '../support/world.ts';

const ROOT = join(import.meta.dirname, '../..');
const PROBLEM = 'application/problem+json';
/** Its only example would be a file. */
const FORM = 'multipart/form-data';
const { schemas, examples } = contract.components;
const everyOperation = [...operations, ...Object.values(contract.webhooks).flat()];

const routeEvent = z.object({
  httpApi: z.object({
    method: z.string(),
    path: z.string(),
    authorizer: z.object({ name: z.string() }).optional(),
  }),
});
const list = z.object({ enum: z.array(z.string()) });
const members = z.object({ properties: z.record(z.string(), z.looseObject({})) });

const valuesOf = (schema: unknown): string[] => list.parse(schema).enum.toSorted();
const memberOf = (schema: unknown, name: string): unknown => members.parse(schema).properties[name];
const titleOf = (code: string) => Object.entries(en.problems).find(([name]) => name === code)?.[1].title;
const describes = (name: string, value: unknown): boolean =>
  faultsOf(value, schemas[name] ?? {}).length === 0;

describe('openapi.yaml', () => {
  it('has every route of the gateway with its authorizer, and no other', () => {
    const service = readService({ directory: ROOT, env: {} });
    const events = Object.values(service.functions).flatMap((definition) => definition.events);
    const routes = events.flatMap((event) => routeEvent.safeParse(event).data?.httpApi ?? []);

    const described = operations.map(({ routeKey, security = contract.security }) =>
      [routeKey, ...security.flatMap((scheme) => Object.keys(scheme))].join(' '),
    );

    expect(new Set(described)).toEqual(
      new Set(
        routes.map(({ method, path, authorizer }) =>
          [method, path, ...(authorizer ? [authorizer.name] : [])].join(' '),
        ),
      ),
    );
  });

  it('has an example of every problem as the table of errors has it', () => {
    const described = Object.entries(examples).filter(([name]) => name in problems);

    expect(Object.fromEntries(described.map(([name, { value }]) => [name, value]))).toEqual(
      Object.fromEntries(
        Object.entries(problems).map(([code, about]) => [
          code,
          expect.objectContaining({
            ...about,
            title: titleOf(code),
            userMessage: expect.any(String),
            code,
            type: `urn:ipd-attachment-bridge:problem:${code}`,
          }),
        ]),
      ),
    );
  });

  it('says of every problem which operation answers with it, and under which status', () => {
    const answered = operations.flatMap(({ responses }) =>
      Object.entries(responses).flatMap(([status, { content }]) =>
        Object.keys(content[PROBLEM]?.examples ?? {}).map((code) => `${code} ${status}`),
      ),
    );

    expect([...new Set(answered)].toSorted()).toEqual(
      Object.entries(problems)
        .map(([code, { status }]) => `${code} ${status}`)
        .toSorted(),
    );
  });

  it('lists the codes and states that there are', () => {
    const states = uploadSchema.options.map((option) => option.shape.status.value);

    expect(valuesOf(memberOf(schemas['Problem'], 'code'))).toEqual(Object.keys(problems).toSorted());
    expect(valuesOf(memberOf(schemas['Upload'], 'status'))).toEqual(states.toSorted());
    expect(valuesOf(schemas['UploadErrorCode'])).toEqual(
      [...failureCodes, ...retryableFailureCodes].toSorted(),
    );
  });

  it.each(everyOperation)('has fitting examples of all bodies of $operationId', (operation) => {
    const bodies = [operation.requestBody, ...Object.values(operation.responses)].flatMap((body) =>
      Object.entries(body?.content ?? {}).filter(([type]) => type !== FORM),
    );

    for (const [, { schema, examples: given }] of bodies) {
      const faults = Object.values(given).map(({ value }) => faultsOf(value, schema));
      expect(faults).not.toEqual([]);
      expect(faults.flat()).toEqual([]);
    }
  });

  it.each<[name: string, change: object]>([
    ['a whole request', {}],
    ['a mode', { mode: 'multipart' }],
    ['an unknown mode', { mode: 'fast' }],
    ['a hash in capitals', { sha256: 'A'.repeat(64) }],
    ['a short hash', { sha256: 'ab' }],
    ['an unknown member', { owner: 'user-2' }],
    ['no size', { size: undefined }],
    ['a size of zero', { size: 0 }],
    ['half a byte', { size: 0.5 }],
    ['a project id of 33 characters', { projectId: `${projectId}0` }],
    ['an issue id as a number', { issueId: 5 }],
    ['an issue id of 17 digits', { issueId: issueId.slice(1) }],
    ['an issue id with a line break', { issueId: `${issueId}\n` }],
    ['an empty name', { filename: '' }],
    ['a name of 200 characters', { filename: '📎'.repeat(200) }],
    ['a name of 201 characters', { filename: '📎'.repeat(201) }],
    ['a path', { filename: 'a/b' }],
    ['a Windows path', { filename: 'a\\b' }],
    ['dots', { filename: '..' }],
    ['a name that begins with dots', { filename: '..a' }],
    ['a control character', { filename: 'a\u0085' }],
    ['half a character', { filename: 'a\ud83d' }],
    ['what stands for a lost character', { filename: 'a\ufffd' }],
    ['a name that turns around', { filename: 'a\u202efdp.exe' }],
    ['a type with a parameter', { contentType: 'text/plain; charset="utf-8"' }],
    ['a type without a slash', { contentType: 'png' }],
    ['a long type', { contentType: `a/${'b'.repeat(254)}` }],
  ])('judges a request for an upload with %s as the server does', (_name, change) => {
    const file = { projectId, issueId, filename: '录屏.mp4', contentType: 'video/mp4', size: 5 };
    const body: unknown = JSON.parse(JSON.stringify({ ...file, ...change }));

    expect(describes('NewUpload', body)).toBe(newUpload.safeParse(body).success);
  });

  it.each<[name: string, change: object]>([
    ['nothing more', {}],
    ['files', { files: [{ name: 'a.png', size: 1, type: 'image/png' }] }],
    ['a file without a type', { files: [{ name: 'a.xyz', size: 1, type: '' }] }],
    ['an empty list', { files: [] }],
    ['too many files', { files: Array.from({ length: 21 }, () => ({ name: 'a', size: 1, type: 'a/b' })) }],
    ['an empty file', { files: [{ name: 'a.png', size: 0, type: 'image/png' }] }],
    ['an unknown member', { owner: 'user-2' }],
  ])('judges a request for a session with %s as the server does', (_name, change) => {
    const body = { projectId, issueId, ...change };

    expect(describes('NewUppySession', body)).toBe(newSession.safeParse(body).success);
  });

  it('describes the notification that subscribers get', () => {
    const policy = {
      uploadDeadlineMs: 1,
      retryWindowMs: 1,
      failedRetentionMs: 1,
      commitWindowMs: 1,
      linkedFileMs: 1,
    };
    const file = { projectId, issueId, filename: 'a', sentName: 'a', contentType: 'a/b', size: 5 };
    const id = '6f1c1a53-2a8c-4f0e-9b55-0d6a0c7d3f10';
    const created = lifecycle.createUpload({ ...file, id, owner: 'user-1' }, { now: 0, policy });
    const failed = lifecycle.stage(created, { etag: 'e', size: 6 }, { now: 1, policy }) ?? created;

    const notification = { type: 'UploadFailed', at: failed.updatedAt } as const;
    const message: unknown = JSON.parse(JSON.stringify(toMessage(failed, notification)));

    expect(failed.status).toBe('failed');
    expect(faultsOf(message, schemas['Notification'] ?? {})).toEqual([]);
  });
});

describe('docs/clients.md', () => {
  it('says of every problem what to do about it', async () => {
    const text = await readFile(join(ROOT, 'docs/clients.md'), 'utf8');

    expect(Object.keys(problems).filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });
});

describe('expectContract', () => {
  const upload = examples['deliveredUpload']?.value;
  const notFound = examples['not_found']?.value;
  const request = 'GET /v1/uploads/6f1c1a53-2a8c-4f0e-9b55-0d6a0c7d3f10?x=1';
  const json = { 'content-type': 'application/json; charset=utf-8', etag: '"3"' };
  const problem = { 'content-type': PROBLEM, 'content-language': 'en', vary: 'accept-language' };
  const answer = (status: number, headers: Record<string, string>, body: unknown, call = request) =>
    expectContract({
      request: call,
      status,
      headers: Object.entries(headers),
      body: body === undefined ? '' : JSON.stringify(body),
    });

  it('lets pass what is described', () => {
    expect(() => {
      answer(200, json, upload);
      answer(304, { etag: '"3-5"' }, undefined);
      answer(404, problem, notFound);
      answer(404, problem, notFound, 'GET /v1/nothing');
      answer(503, { 'content-type': 'application/json' }, { message: 'Service Unavailable' });
    }).not.toThrow();
  });

  it.each<[fault: string, check: () => void, words: RegExp]>([
    ['another status', () => answer(201, json, upload), /status is not among 200, 304/],
    ['another media type', () => answer(200, { ...json, 'content-type': 'text/html' }, ''), /"text\/html"/],
    ['an unknown member', () => answer(200, json, Object.assign({ owner: 'x' }, upload)), /owner/],
    ['a body where there is none', () => answer(304, json, upload), /there is a body/],
    [
      'a header of another form',
      () => answer(200, { ...json, 'retry-after': 'soon' }, upload),
      /Retry-After/,
    ],
    ['no ETag', () => answer(200, { 'content-type': 'application/json' }, upload), /ETag is missing/],
    ['nothing in it', () => answer(200, json, {}), /must have required property/],
    [
      'the code of another status',
      () => answer(404, problem, { ...Object(notFound), code: 'internal' }),
      /code is not among/,
    ],
    ['two statuses', () => answer(404, problem, { ...Object(notFound), status: 410 }), /another status/],
    [
      'no word when to come back',
      () => answer(503, problem, examples['unavailable']?.value),
      /Retry-After is missing/,
    ],
    ['something under an unknown path', () => answer(200, json, upload, 'GET /v1/nothing'), /not among 404/],
  ])('refuses an answer with %s', (_fault, check, words) => {
    expect(check).toThrow(words);
  });
});
