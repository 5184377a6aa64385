import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createHandler as createAttach } from '../../../functions/attach.ts';
import { createHandler as createUploads } from '../../../functions/uploads.ts';
import { FORM_TYPE, filePart, form } from '../../support/form.ts';
import { callHttp } from '../../support/http-event.ts';
import { uppyPageOf } from '../../support/uppy-page.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });
const { openSession, requestSession } = uppyPageOf(world);
const attach = createAttach(() => world.services);
const uploads = createUploads(() => world.services);

const create = (filename: unknown, headers: Record<string, string> = {}) =>
  callHttp(uploads, {
    route: 'POST /v1/uploads',
    headers,
    body: { projectId, issueId, filename, contentType: 'a/b', size: 5 },
  });

const attachNamed = (filename: string | Buffer) =>
  callHttp(attach, {
    route: 'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
    parameters: { project_id: projectId, issue_id: issueId },
    headers: { 'content-type': FORM_TYPE },
    body: form(filePart(filename)),
    // All of that is the function's margin, so it does not wait for a delivery.
    remainingMs: 3_000,
  });

describe('a file name', () => {
  it.each([
    ['turns text around', 'invoice\u202Efdp.exe', 'invoice fdp.exe'],
    ['has hidden characters', 'a\u200Eb\u200Fc\u2066d.txt', 'a b c d.txt'],
    ['has characters without a width', 'a\u200Bb\u200C\u200D\u2060c\uFEFF.txt', 'a b c .txt'],
    ['has another end of a line', 'a\u2028b\u2029.txt', 'a b .txt'],
    ['is decomposed', 'cafe\u0301.txt', 'caf\u00E9.txt'],
    ['is plain', ' 需求 1 (final)\u00A0v2.pdf', ' 需求 1 (final)\u00A0v2.pdf'],
  ])('that %s is kept so that people see what it is, on every way in', async (_what, given, kept) => {
    const { id, body } = await create(given);
    expect(body).toMatchObject({ filename: kept });
    expect(await world.find(id)).toMatchObject({ filename: kept, sentName: kept });

    const { headers } = await attachNamed(given);
    expect(await world.find(String(headers['location']).slice(-36))).toMatchObject({ filename: kept });

    const page = await openSession();
    expect(await world.find((await page.begin(given)).uploadId)).toMatchObject({ filename: kept });
    const { fields } = await page.form(new URLSearchParams({ filename: given }).toString());
    expect(await world.find(String(fields['key']).slice(-36))).toMatchObject({ filename: kept });
  });

  it.each(['\u202E', ' ', '\u200B\u00A0'])('without a visible character is refused: %j', async (given) => {
    expect(await create(given)).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/filename', detail: 'must have a character that is seen' }] },
    });
  });

  it('is counted in the form in which it is kept', async () => {
    expect((await create('e\u0301'.repeat(200))).status).toBe(201);
    expect((await create('\u{1F4CE}'.repeat(200))).status).toBe(201);
    expect(await create('e\u0301'.repeat(201))).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/filename', detail: 'must have at most 200 characters' }] },
    });
  });

  it('is the same request in either form', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const { id } = await create('cafe\u0301.txt', headers);

    expect(await create('caf\u00E9.txt', headers)).toMatchObject({ status: 200, id });
  });
});

describe('what is not valid UTF-8', () => {
  /** As a gateway that decodes it hands it over, and as one that does not. */
  const bytes = Buffer.from([...Buffer.from('{"filename":"a'), 0xff, ...Buffer.from('"}')]);
  const words = 'the body is not valid UTF-8, or holds U+FFFD, which stands for what is not';
  const json = { 'content-type': 'application/json' };

  it.each([
    ['as bytes', bytes],
    ['as text', bytes.toString()],
  ])('is refused in a body %s', async (_how, body) => {
    const answer = await callHttp(uploads, { route: 'POST /v1/uploads', headers: json, body });

    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_json', detail: words } });
  });

  it('is refused in a query', async () => {
    const page = await openSession();

    for (const query of ['filename=a%FF.txt', 'filename=a.txt&type=%C3%28', 'filename=a.txt&%FF=1']) {
      expect(await page.params(query)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
    expect((await page.params('filename=a%FF.txt')).pointers()).toEqual(['query:filename']);
  });

  it("is refused in the name of a form's file", async () => {
    const name = Buffer.from([0x61, 0xff, 0x2e, 0x74]);

    expect(await attachNamed(name)).toMatchObject({
      status: 400,
      body: { code: 'invalid_form', detail: 'the file name is not valid UTF-8' },
    });
  });

  it('is refused where a replacement character stands in its place', async () => {
    for (const answer of [
      await create('a\ufffd.txt'),
      await requestSession({ files: [{ name: 'a\ufffd.txt', size: 1 }] }),
    ]) {
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_json' } });
    }
  });
});
