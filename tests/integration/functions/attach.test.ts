import { describe, expect, it } from '@jest/globals';
import { handler } from '../../../functions/attach.ts';
import { FORM_TYPE, filePart, form } from '../../support/form.ts';
import { callHttp } from '../../support/http-event.ts';
import type { HttpCall } from '../../support/lambda-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

/** The remaining time with which the function, after its margin of 3 s, can still wait. */
const SHORT_WAIT_MS = 3_500;

// This route stages a file in one piece, even above the multipart threshold.
const world = await useWorld({ ends: 'sockets', environment: { MULTIPART_THRESHOLD_BYTES: '1' } });
// As in the template, where this function has no IPD secret.
delete process.env['IPD_CREDENTIALS'];

const attach = (body: Buffer | string, more: Partial<HttpCall> = {}) =>
  callHttp(handler, {
    route: 'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
    parameters: { project_id: projectId, issue_id: issueId },
    headers: { 'content-type': FORM_TYPE },
    body,
    remainingMs: SHORT_WAIT_MS,
    ...more,
  });

const idIn = ({ headers }: { headers: Record<string, unknown> }): string =>
  String(headers['location']).replace('/v1/uploads/', '');

describe("IPD's own upload route", () => {
  it('answers 202 with a Location when the time is over before IPD has the file', async () => {
    const answer = await attach(form(filePart()));

    expect(answer.status).toBe(202);
    expect(answer.headers['location']).toMatch(/^\/v1\/uploads\/[0-9a-f-]{36}$/);
    expect(answer.body).toEqual({
      status: 'accepted',
      message: 'The file is stored and on its way; the address in Location tells how it ends.',
      result: null,
    });
  });

  it('has stored the file and requested its delivery by then, and has called no other service', async () => {
    const answer = await attach(form(filePart('a.txt', 'hello')));

    const id = idIn(answer);
    const upload = await world.find(id);
    expect(upload).toMatchObject({ status: 'staged', owner: 'user-1', size: 5 });
    expect(upload.multipart).toBeUndefined();
    expect(await world.isStaged(id)).toBe(true);
    expect(await world.requestsFor(id)).toEqual([
      JSON.stringify({ uploadId: id, attempt: 1, isArrival: true }),
    ]);
    expect(world.ipd.requests).toEqual([]);
  });

  it('answers as soon as the delivery has ended', async () => {
    const headers = { 'content-type': FORM_TYPE, 'idempotency-key': 'slow-then-done' };
    const early = await attach(form(filePart()), { headers });
    await world.delivery.onRequest({ uploadId: idIn(early), attempt: 1 }, world.run());

    const late = await attach(form(filePart()), { headers });

    const [attachment] = await world.received();
    expect(late).toMatchObject({ status: 200, body: { result: [{ id: attachment?.id }] } });
    expect(idIn(late)).toBe(idIn(early));
  });

  it('goes on with the same upload when a first call died before the file was stored', async () => {
    const headers = { 'content-type': FORM_TYPE, 'idempotency-key': 'died-early' };
    const first = await attach(form(filePart()), { headers });
    const id = idIn(first);
    await world.ledger.change(id, ({ id: _id, ...rest }) => ({ ...rest, id, status: 'awaiting_upload' }));
    await world.staging.remove(`staging/${id}`);

    const second = await attach(form(filePart()), { headers });

    expect(idIn(second)).toBe(id);
    expect(await world.isStaged(id)).toBe(true);
  });

  it('gives the upload to the caller alone', async () => {
    const id = idIn(await attach(form(filePart()), { claims: { sub: 'user-2' } }));

    expect(await world.find(id)).toMatchObject({ owner: 'user-2' });
  });

  it('takes a part whose type says nothing for plain text', async () => {
    const id = idIn(await attach(form(filePart('a.bin', 'a', 'nonsense'))));

    expect(await world.find(id)).toMatchObject({ contentType: 'text/plain' });
  });

  it('reads a form that the gateway handed over as text', async () => {
    expect((await attach(form(filePart()).toString())).status).toBe(202);
  });

  it.each<[string, Buffer | string, Partial<HttpCall>, number, string]>([
    ['a token without a subject', form(filePart()), { claims: {} }, 401, 'no_subject'],
    ['no token at all', form(filePart()), { claims: null }, 401, 'no_subject'],
    ['base64 that is none', '%%%%', {}, 400, 'invalid_form'],
    ['no path parameters', form(filePart()), { parameters: {} }, 400, 'invalid_request'],
    [
      'an unusable key',
      form(filePart()),
      { headers: { 'content-type': FORM_TYPE, 'idempotency-key': 'ü' } },
      400,
      'invalid_request',
    ],
  ])('refuses %s', async (_name, body, more, status, code) => {
    const answer = await attach(body, more);

    expect(answer).toMatchObject({
      status,
      headers: { 'content-type': 'application/problem+json' },
      body: { code, status },
    });
  });

  it('names the fault of the path and of the form in one answer', async () => {
    const answer = await attach(form(filePart('a/b', '')), {
      parameters: { project_id: 'gdbdf969b32694524a949b5ef6b3e124a', issue_id: '7' },
    });

    expect(answer.pointers()).toEqual([
      'form:attachment',
      'form:filename',
      'path:issue_id',
      'path:project_id',
    ]);
  });
});
