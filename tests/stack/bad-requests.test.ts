import { describe, expect, it } from '@jest/globals';
import { BOUNDARY, FORM_TYPE, filePart, form, part } from '../support/form.ts';
import { attachPath } from '../support/product-stack.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const PROBLEM = 'application/problem+json';
const JSON_TYPE = 'application/json';

const product = await useProduct();

const file = { projectId, issueId, filename: 'a.png', contentType: 'image/png', size: 5 };
const { size: _size, ...withoutSize } = file;
const raw = (text: string): Buffer => Buffer.from(text);

describe('POST /v1/uploads', () => {
  it.each<[name: string, body: object | string | undefined, status: number, code: string, type?: string]>([
    ['no body', undefined, 400, 'invalid_json'],
    ['an empty body', '', 400, 'invalid_json'],
    ['white space', ' \r\n', 400, 'invalid_json'],
    ['words', 'hello', 400, 'invalid_json'],
    ['half an object', JSON.stringify(file).slice(0, -3), 400, 'invalid_json'],
    ['two objects', '{}{}', 400, 'invalid_json'],
    ['a trailing comma', '{"size":5,}', 400, 'invalid_json'],
    ['single quotes', "{'size':5}", 400, 'invalid_json'],
    ['U+FEFF before the JSON', `\uFEFF${JSON.stringify(file)}`, 400, 'invalid_json'],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0x00, 0x7b]), 400, 'invalid_json'],
    ['a body in UTF-16', Buffer.from(JSON.stringify(file), 'utf16le'), 400, 'invalid_json'],
    ['a hundred thousand brackets', '['.repeat(100_000), 400, 'invalid_json'],
    ['deep nesting', '['.repeat(5000) + ']'.repeat(5000), 400, 'invalid_request'],
    ['null', 'null', 400, 'invalid_request'],
    ['a number', '5', 400, 'invalid_request'],
    ['a string', '"file"', 400, 'invalid_request'],
    ['an array', [file], 400, 'invalid_request'],
    ['an empty object', {}, 400, 'invalid_request'],
    ['a missing field', withoutSize, 400, 'invalid_request'],
    ['a field too many', { ...file, owner: 'user-2' }, 400, 'invalid_request'],
    ['a field of the prototype', `{"__proto__":{"size":5}}`, 400, 'invalid_request'],
    ['ids as numbers', { ...file, projectId: 5, issueId: 5 }, 400, 'invalid_request'],
    ['an id with a line break', { ...file, issueId: `${issueId}\n` }, 400, 'invalid_request'],
    ['an id in wide digits', { ...file, issueId: '９'.repeat(18) }, 400, 'invalid_request'],
    ['a project id with a path', { ...file, projectId: `../${projectId.slice(3)}` }, 400, 'invalid_request'],
    ['an empty name', { ...file, filename: '' }, 400, 'invalid_request'],
    ['a name of 201 characters', { ...file, filename: '名'.repeat(201) }, 400, 'invalid_request'],
    ['a name with a path', { ...file, filename: '../a.png' }, 400, 'invalid_request'],
    ['a name with a backslash', { ...file, filename: 'C:\\a.png' }, 400, 'invalid_request'],
    ['a name of dots', { ...file, filename: '..' }, 400, 'invalid_request'],
    ['a name with a NUL', { ...file, filename: 'a\u0000.png' }, 400, 'invalid_request'],
    ['a name with a line break', { ...file, filename: 'a\r\nb.png' }, 400, 'invalid_request'],
    ['half a character as name', { ...file, filename: '\ud83d' }, 400, 'invalid_request'],
    ['a lost character in the name', `{"filename":"\\ufffd"}`, 400, 'invalid_request'],
    [
      'a byte that is no UTF-8 in the name',
      Buffer.from([...raw('{"filename":"a'), 0xff, ...raw('"}')]),
      400,
      'invalid_json',
    ],
    ['a list as name', { ...file, filename: ['a.png'] }, 400, 'invalid_request'],
    ['a type without a slash', { ...file, contentType: 'png' }, 400, 'invalid_request'],
    ['a type with a header', { ...file, contentType: 'image/png\r\nx-a: b' }, 400, 'invalid_request'],
    ['a type of 300 characters', { ...file, contentType: `a/${'b'.repeat(298)}` }, 400, 'invalid_request'],
    ['a size of zero', { ...file, size: 0 }, 400, 'invalid_request'],
    ['a negative size', { ...file, size: -1 }, 400, 'invalid_request'],
    ['half a byte', { ...file, size: 0.5 }, 400, 'invalid_request'],
    ['a size in words', { ...file, size: '5' }, 400, 'invalid_request'],
    ['a size beyond all numbers', JSON.stringify(file).replace(':5', ':1e999'), 400, 'invalid_request'],
    ['a size over the limit', { ...file, size: 52_428_801 }, 413, 'file_too_large'],
    ['a hash that is too short', { ...file, sha256: 'ab' }, 400, 'invalid_request'],
    ['a hash that is null', { ...file, sha256: null }, 400, 'invalid_request'],
    ['an unknown mode', { ...file, mode: 'fast' }, 400, 'invalid_request'],
    ['no content type', raw(JSON.stringify(file)), 415, 'unsupported_media_type', ''],
    ['plain text', JSON.stringify(file), 415, 'unsupported_media_type', 'text/plain'],
    ['a type like JSON', JSON.stringify(file), 415, 'unsupported_media_type', 'application/json-seq'],
    ['a form', 'size=5', 415, 'unsupported_media_type', 'application/x-www-form-urlencoded'],
    ['a file', form(filePart()), 415, 'unsupported_media_type', FORM_TYPE],
  ])('refuses %s', async (_name, body, status, code, type = JSON_TYPE) => {
    const answer = await product.call('POST /v1/uploads', {
      ...(type !== '' && { headers: { 'content-type': type } }),
      ...(body !== undefined && { body }),
    });

    expect(answer).toMatchObject({ status, body: { status, code, retryable: false } });
    expect(answer.headers.get('content-type')).toBe(PROBLEM);
  });

  it("leaves a body of eleven megabytes to the gateway's own answer", async () => {
    const answer = await product.call('POST /v1/uploads', {
      headers: { 'content-type': JSON_TYPE },
      body: Buffer.alloc(11_000_000, ' '),
    });

    expect(answer.status).toBe(413);
    expect(Object.keys(answer.body)).toEqual(['message']);
  });
});

describe("IPD's own upload route", () => {
  const good = form(filePart());
  const disposition = 'Content-Disposition: form-data';
  const text = part(`${disposition}; name="comment"`, 'words');
  const withItem = (item: object): string => attachPath({ projectId, issueId, ...item });

  it.each<[name: string, body: object | string | undefined, code: string, type?: string]>([
    ['no body', undefined, 'invalid_form'],
    ['an empty body', '', 'invalid_form'],
    ['no content type', good, 'unsupported_media_type', ''],
    ['JSON instead of a form', { attachment: 'aGVsbG8=' }, 'unsupported_media_type', JSON_TYPE],
    ['the bare file', 'hello', 'unsupported_media_type', 'application/octet-stream'],
    ['a form in a URL', 'attachment=a', 'unsupported_media_type', 'application/x-www-form-urlencoded'],
    ['another kind of multipart', good, 'unsupported_media_type', `multipart/mixed; boundary=${BOUNDARY}`],
    ['a content type that is garbage', good, 'unsupported_media_type', '\u00ff;;='],
    ['no boundary in the content type', good, 'invalid_form', 'multipart/form-data'],
    ['an empty boundary', good, 'invalid_form', 'multipart/form-data; boundary='],
    ['quotes around no boundary', good, 'invalid_form', 'multipart/form-data; boundary=""'],
    ['an open quote around the boundary', good, 'invalid_form', `multipart/form-data; boundary="${BOUNDARY}`],
    ['another boundary than in the body', good, 'invalid_form', 'multipart/form-data; boundary=other'],
    ['a boundary cut by one', good, 'invalid_form', FORM_TYPE.slice(0, -1)],
    ['a boundary with one more', good, 'invalid_form', `${FORM_TYPE}x`],
    ['the boundary alone', `--${BOUNDARY}`, 'invalid_form'],
    ['the final boundary alone', `--${BOUNDARY}--\r\n`, 'invalid_form'],
    ['no final boundary', filePart(), 'invalid_form'],
    ['a body cut within the file', good.subarray(0, -30), 'invalid_form'],
    ['a body cut within the part header', good.subarray(0, 60), 'invalid_form'],
    ['a body cut within the last boundary', good.subarray(0, -6), 'invalid_form'],
    ['base64 of the form', good.toString('base64'), 'invalid_form'],
    [
      'bytes of all values',
      Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 89) % 256)),
      'invalid_form',
    ],
    ['NUL bytes', Buffer.alloc(1000), 'invalid_form'],
    ['line breaks without returns', raw(good.toString().replaceAll('\r\n', '\n')), 'invalid_form'],
    ['another field name', form(part(`${disposition}; name="file"; filename="a.txt"`)), 'invalid_form'],
    [
      'a field name in capitals',
      form(part(`${disposition}; name="ATTACHMENT"; filename="a"`)),
      'invalid_form',
    ],
    ['no field name', form(part(`${disposition}; filename="a.txt"`)), 'invalid_form'],
    ['an empty field name', form(part(`${disposition}; name=""; filename="a.txt"`)), 'invalid_form'],
    ['a text field without a name', form(part(disposition), filePart()), 'invalid_form'],
    ['the file as a text field', form(part(`${disposition}; name="attachment"`)), 'invalid_form'],
    ['a text field beside the file', form(filePart(), text), 'invalid_form'],
    ['a text field before the file', form(text, filePart()), 'invalid_form'],
    ['a text field alone', form(text), 'invalid_form'],
    ['two files', form(filePart('a.txt'), filePart('b.txt')), 'invalid_form'],
    ['a hundred files', form(...Array.from({ length: 100 }, () => filePart())), 'invalid_form'],
    ['a part without a disposition', form(part('Content-Type: text/plain')), 'invalid_form'],
    ['another disposition', form(part('Content-Disposition: attachment; filename="a"')), 'invalid_form'],
    ['a part without headers', form(part('')), 'invalid_form'],
    ['a part header that is garbage', form(part('\u0001\u0002garbage')), 'invalid_form'],
    ['a huge part header', form(part(`${disposition}; name="${'a'.repeat(20_000)}"`)), 'invalid_form'],
    ['a multipart in the part', form(nested()), 'invalid_form'],
    ['an empty file', form(filePart('a.txt', '')), 'invalid_request'],
    ['an empty file name', form(filePart('')), 'invalid_form'],
    ['an empty name of a binary', form(filePart('', 'a', 'application/octet-stream')), 'invalid_request'],
    ['a path in the name', form(filePart('../../etc/passwd')), 'invalid_request'],
    ['a Windows path in the name', form(filePart('C:\\\\photos\\\\a.png')), 'invalid_request'],
    ['dots as the name', form(filePart('..')), 'invalid_request'],
    ['a control character in the name', form(filePart('a\u0007.txt')), 'invalid_form'],
    ['a NUL in the name', form(filePart('a\u0000.txt')), 'invalid_form'],
    ['an escaped line break in the name', form(filePart('a%0D%0Ab.txt')), 'invalid_request'],
    ['a name of 201 characters', form(filePart('名'.repeat(201))), 'invalid_request'],
    ['a name that is no UTF-8', form(filePart(Buffer.from([0xc2, 0xbc, 0xcd, 0xbc, 0xff]))), 'invalid_form'],
    [
      'a name in another notation that is no UTF-8',
      form(part(`${disposition}; name="attachment"; filename*=UTF-8''a%FF.txt`)),
      'invalid_form',
    ],
    ['half a character in the name', form(filePart(Buffer.from([0x61, 0xed, 0xa0, 0xbd]))), 'invalid_form'],
    ['a type of the part with a star', form(filePart('a', 'a', 'image/p*g')), 'invalid_request'],
    [
      'a type of the part of 300 characters',
      form(filePart('a', 'a', `a/${'b'.repeat(300)}`)),
      'invalid_request',
    ],
  ])('refuses %s', async (_name, body, code, type = FORM_TYPE) => {
    const answer = await product.attach(body, type === '' ? {} : { 'content-type': type });

    const status = code === 'unsupported_media_type' ? 415 : 400;
    expect(answer).toMatchObject({ status, body: { status, code, retryable: false } });
    expect(answer.headers.get('content-type')).toBe(PROBLEM);
  });

  it.each([
    ["the project id of IPD's own page, with 33 characters", { projectId: `${projectId}0` }],
    ['a project id with a dash', { projectId: `-${projectId.slice(1)}` }],
    ['an issue id of 17 digits', { issueId: issueId.slice(1) }],
    ['an issue id of 20 digits', { issueId: `${issueId}12` }],
    ['an issue id with a space', { issueId: `${issueId}%20` }],
  ])('refuses %s', async (_name, item) => {
    const answer = await product.attach(good, { 'content-type': FORM_TYPE }, withItem(item));

    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.headers.get('content-type')).toBe(PROBLEM);
  });

  it('has stored and sent nothing of all this', async () => {
    expect(await product.received()).toEqual([]);
    expect(product.logs.lines.filter(({ line }) => line.includes('upload created'))).toEqual([]);
  });
});

function nested(): Buffer {
  const inner = raw('--inner\r\nContent-Disposition: file; filename="a.txt"\r\n\r\nhello\r\n--inner--\r\n');
  const headers =
    'Content-Disposition: form-data; name="attachment"\r\nContent-Type: multipart/mixed; boundary=inner';
  return part(headers, inner);
}
