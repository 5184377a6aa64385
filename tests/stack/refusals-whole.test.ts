import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { elsewhere, verdictOf, withHeader, withoutHeader } from '../support/altered.ts';
import { putFile } from '../support/answer.ts';
import type { Signed } from '../support/answer.ts';
import { useProductOnStorage } from '../support/use-product.ts';
import { containersPage } from '../support/uppy-page.ts';
import type { Form } from '../support/uppy-page.ts';
import { issueId, projectId } from '../support/world.ts';

const { postForm } = containersPage();

const LATER_MS = 3_601_000;

const about = { projectId, issueId, filename: 'a.bin', contentType: 'video/mp4' };
const hello = Buffer.from('hello');

const product = await useProductOnStorage();

async function beginSingle() {
  const { id, signed } = await product.call('POST /v1/uploads', { body: { ...about, size: hello.length } });
  return { id, request: signed() };
}

async function beginForm() {
  const files = [{ name: 'a.bin', size: 5, type: 'video/mp4' }];
  const opened = await product.call('POST /v1/uppy-sessions', { body: { projectId, issueId, files } });
  const base = new URL(String(opened.body['companionEndpoint'])).pathname;
  const { body } = await product.call(`GET ${base}/s3/params?filename=a.bin&type=video%2Fmp4`);
  const form = z.object({ url: z.url(), fields: z.record(z.string(), z.string()) }).parse(body);
  return { id: form.fields['key']?.replace('staging/', '') ?? '', form };
}

describe('a file in one request', () => {
  it('is taken once', async () => {
    const { id, request } = await beginSingle();
    // Unless IPD waits, the file is gone before it comes again.
    await product.faults([{ match: { operation: 'upload' }, fault: { kind: 'iamUnavailable' } }]);

    const first = await putFile(request, hello);
    const second = await putFile(request, Buffer.from('world'));

    expect(first.status).toBe(200);
    expect(await verdictOf(second)).toBe('412 PreconditionFailed');
    expect((await product.follow(id, (status) => status === 'waiting')).body).toMatchObject({ size: 5 });
  });

  it.each<[what: string, change: (request: Signed) => Signed, body: Buffer]>([
    ['longer than signed', (request) => withoutHeader(request, 'content-length'), Buffer.from('hello!')],
    ['shorter than signed', (request) => withoutHeader(request, 'content-length'), Buffer.from('hell')],
    ['of another type', (request) => withHeader(request, 'content-type', 'text/html'), hello],
    ['that may overwrite', (request) => withoutHeader(request, 'if-none-match'), hello],
    ['under another key', (request) => elsewhere(request, (url) => (url.pathname += 'x')), hello],
  ])('is refused %s', async (_what, change, body) => {
    const { id, request } = await beginSingle();

    const refused = await putFile(change(request), body);

    expect(refused.status).toBe(403);
    expect((await product.call(`GET /v1/uploads/${id}`)).body).toMatchObject({ status: 'awaiting_upload' });
  });

  it('is refused with other bytes than declared', async () => {
    const body = { ...about, size: hello.length, sha256: '0'.repeat(64) };
    const { signed } = await product.call('POST /v1/uploads', { body });

    const refused = await putFile(signed(), hello);

    expect(await verdictOf(refused)).toBe('400 BadDigest');
  });

  it('is refused when its URL has expired', async () => {
    const { request } = await beginSingle();

    const late = await product.storage.later(LATER_MS, () => putFile(request, hello));

    expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('Request has expired')]);
  });
});

describe("a form of Uppy's", () => {
  it.each<[what: string, change: (form: Form) => Form, body: Buffer, verdict: string]>([
    ['with more than allowed', (form) => form, Buffer.from('hello!'), '400 EntityTooLarge'],
    ['with an empty file', (form) => form, Buffer.alloc(0), '400 EntityTooSmall'],
    ['for another key', (form) => withField(form, 'key', 'staging/x'), hello, '403 AccessDenied'],
    ['for another type', (form) => withField(form, 'content-type', 'text/html'), hello, '403 AccessDenied'],
  ])('is refused %s', async (_what, change, body, verdict) => {
    const { id, form } = await beginForm();

    const refused = await postForm(change(form), body);

    expect(await verdictOf(refused)).toBe(verdict);
    expect((await product.call(`GET /v1/uploads/${id}`)).body).toMatchObject({ status: 'awaiting_upload' });
  });

  it('is refused when it has expired', async () => {
    const { form } = await beginForm();

    const late = await product.storage.later(LATER_MS, () => postForm(form, hello));

    expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('Policy expired')]);
  });
});

function withField({ url, fields }: Form, name: string, value: string): Form {
  return { url, fields: { ...fields, [name]: value } };
}
