import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { putFile } from '../support/answer.ts';
import { FORM_TYPE, filePart, form } from '../support/form.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const hello = Buffer.from('hello');
const about = { projectId, issueId, size: hello.length };

const product = await useProduct();

const attachments = z.array(
  z.object({ filename: z.string(), rawFilename: z.string(), contentType: z.string(), size: z.number() }),
);
const requests = z.array(
  z.looseObject({ operation: z.string().nullable(), path: z.string(), status: z.number().nullable() }),
);

async function admin(path: string): Promise<unknown> {
  return (await fetch(`${product.urls.ipdAdminUrl}${path}`)).json();
}

/** Brings a file to IPD under this name and type; what IPD has of it then. */
async function deliver(file: { filename: string; contentType: string }) {
  const created = await product.call('POST /v1/uploads', { body: { ...about, ...file } });
  expect(created.status).toBe(201);
  expect((await putFile(created.signed(), hello)).status).toBe(200);
  const { body } = await product.follow(created.id);
  return { body, received: attachments.parse(await admin('/attachments')) };
}

describe('a name that would begin something new where it is not escaped', () => {
  it.each<[what: string, filename: string, raw: string, kept?: string]>([
    ['a quote and another parameter', 'a"; filename="b.txt', 'a%22; filename=%22b.txt'],
    ['a quote and an extended name', `a"; filename*=UTF-8''b.txt`, `a%22; filename*=UTF-8''b.txt`],
    ['a quote and another field', 'a"; name="other', 'a%22; name=%22other'],
    ['single quotes', "a'; filename='b.txt", "a'; filename='b.txt"],
    ['semicolons', 'a; filename=b.txt', 'a; filename=b.txt'],
    ['what looks like a header', 'x-auth-token: stolen.txt', 'x-auth-token: stolen.txt'],
    ['what looks like a boundary', '------FormBoundary--.txt', '------FormBoundary--.txt'],
    ['a line break in percent signs', 'a%0D%0Ax-injected%3A yes.txt', 'a%0D%0Ax-injected%3A yes.txt'],
    [
      "Unicode's own line breaks",
      'a\u2028x-injected: yes\u2029.txt',
      'a x-injected: yes .txt',
      'a x-injected: yes .txt',
    ],
    // Their low bytes are CR and LF: a program that cuts characters down to bytes would see a line break.
    ['characters that are cut to line breaks', 'a\u560d\u560ax: y.txt', 'a\u560d\u560ax: y.txt'],
    ['a name that reverses its direction', 'a\u202efdp.exe', 'a fdp.exe', 'a fdp.exe'],
    ['characters above U+FFFF', '😀"😀.txt', '😀%22😀.txt'],
  ])('comes to IPD as one name: %s', async (_what, filename, raw, kept = filename) => {
    const { body, received } = await deliver({ filename, contentType: 'text/plain' });

    expect(body).toMatchObject({ status: 'delivered', filename: kept });
    expect(received).toEqual([
      expect.objectContaining({ rawFilename: raw, contentType: 'text/plain', size: hello.length }),
    ]);
  });

  it('comes through the form of the one-call route as well', async () => {
    const answer = await product.attach(form(filePart('a%22; filename=%22b.txt', hello)), {
      'content-type': FORM_TYPE,
    });

    expect(answer).toMatchObject({ status: 200, body: { result: [{ title: 'a"; filename="b.txt' }] } });
    expect(attachments.parse(await admin('/attachments'))).toMatchObject([
      { rawFilename: 'a%22; filename=%22b.txt', size: hello.length },
    ]);
  });
});

describe('a content type', () => {
  it.each([
    ['with a quoted parameter', 'text/plain; charset="utf-8; x"'],
    ['with parameters that a form has', 'text/plain; name=other; filename="b.txt"'],
  ])(
    'is signed for storage as it is, and comes to IPD without parameters: %s',
    async (_what, contentType) => {
      const { body, received } = await deliver({ filename: 'a.txt', contentType });

      expect(body).toMatchObject({ status: 'delivered', contentType });
      expect(received).toMatchObject([{ filename: 'a.txt', contentType: 'text/plain', size: hello.length }]);
    },
  );

  it.each([
    'multipart/mixed; boundary=x',
    'Multipart/Form-Data; boundary=x',
    'multipart/related',
    'message/rfc822',
  ])('is refused where its content could be read as several files: %s', async (contentType) => {
    const created = await product.call('POST /v1/uploads', {
      body: { ...about, filename: 'a.txt', contentType },
    });
    const attached = await product.attach(form(filePart('a.txt', hello, contentType)), {
      'content-type': FORM_TYPE,
    });

    expect(created).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(created.body['errors']).toEqual([
      { pointer: '/contentType', detail: expect.stringContaining('send application/octet-stream') },
    ]);
    expect(attached).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(attached.pointers()).toEqual(['form:contentType']);
    expect(attachments.parse(await admin('/attachments'))).toEqual([]);
  });

  it.each([
    ['CR and LF', 'text/plain\r\nx-injected: yes'],
    ['LF', 'text/plain\nx-injected: yes'],
    ['CR', 'text/plain\rx-injected: yes'],
    ['a line break in quotes', 'text/plain; a="\r\nx-injected: yes"'],
    ['a NUL', 'text/plain\u0000'],
    ["Unicode's own line break", 'text/plain\u2028x-injected: yes'],
    ['characters that are cut to line breaks', 'text/plain\u560d\u560ax: y'],
    ['an open quote', 'text/plain; a="'],
    ['a second type', 'text/plain, text/html'],
  ])('is refused with %s', async (_what, contentType) => {
    const body = { ...about, filename: 'a.txt', contentType };

    const answer = await product.call('POST /v1/uploads', { body });

    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.pointers()).toEqual(['/contentType']);
  });
});

it('sends IPD nothing but the requests that the product knows', async () => {
  await deliver({ filename: 'a"\u2028%0D%0A; name="b', contentType: 'text/plain; a="; b"' });

  const asked = requests.parse(await admin('/requests')).filter(({ operation }) => operation === 'upload');
  expect(asked).toMatchObject([
    {
      path: `/v1/ipdprojectservice/projects/${projectId}/issues/${issueId}/attachments/upload`,
      status: 200,
      chunked: false,
      complete: true,
    },
  ]);
});
