import { describe, expect, it } from '@jest/globals';
import { MAX_FORM_FILE_BYTES, readUploadForm } from '../../../lib/http/upload-form.ts';

const TYPE = 'multipart/form-data; boundary=edge';

/** A form of these fields: a file where it has a name. */
function formOf(
  ...fields: { field?: string; filename?: string; type?: string; content: Buffer | string }[]
): Buffer {
  const parts = fields.flatMap(({ field = 'attachment', filename, type, content }) => [
    `--edge\r\ncontent-disposition: form-data; name="${field}"`,
    filename === undefined ? '' : `; filename="${filename}"`,
    type === undefined ? '' : `\r\ncontent-type: ${type}`,
    '\r\n\r\n',
    content,
    '\r\n',
  ]);
  return Buffer.concat([...parts, '--edge--\r\n'].map((part) => Buffer.from(part)));
}

const refusal = (body: Buffer, type = TYPE): Promise<unknown> =>
  readUploadForm(body, type).then(
    () => 'taken',
    ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
  );
const one = { filename: 'a.txt', type: 'text/plain', content: 'abc' };

describe('a form with one file', () => {
  it.each([TYPE, 'Multipart/Form-Data ;boundary=edge'])('is read as %s', async (type) => {
    expect(await readUploadForm(formOf(one), type)).toEqual({
      filename: 'a.txt',
      contentType: 'text/plain',
      bytes: Buffer.from('abc'),
    });
  });

  it('keeps the path in a name, and undoes what browsers escape', async () => {
    const { filename } = await readUploadForm(formOf({ ...one, filename: '../é%22%0D%0A%25.txt' }), TYPE);

    expect(filename).toBe('../é"\r\n%25.txt');
  });

  it('may be as large as a function can be given', async () => {
    const content = Buffer.alloc(4_500_000);

    const { bytes } = await readUploadForm(formOf({ ...one, content }), TYPE);

    expect(bytes.length).toBe(4_500_000);
    expect(MAX_FORM_FILE_BYTES).toBe(4_500_000);
    expect(await refusal(formOf({ ...one, content: Buffer.alloc(4_500_001) }))).toBe(
      'file_too_large: this route takes files up to 4500000 bytes; use POST /v1/uploads for larger ones',
    );
  });
});

describe('a form that is refused', () => {
  it.each(['application/json', 'multipart/form-data2', '2multipart/form-data'])(
    'is none: %s',
    async (type) => {
      expect(await refusal(formOf(one), type)).toBe(
        'unsupported_media_type: send the file as multipart/form-data in the field `attachment`',
      );
    },
  );

  it('names no boundary', async () => {
    expect(await refusal(formOf(one), 'multipart/form-data')).toBe(
      'invalid_form: the Content-Type names no boundary',
    );
  });

  it.each([
    [formOf(), 'there is no file; send one in the field `attachment`'],
    [formOf(one, one), 'there is more than one file; send one in the field `attachment`'],
    [formOf({ ...one, field: 'file' }), 'the file is in the field `file`; it must be in `attachment`'],
    [
      formOf({ ...one, field: 'f'.repeat(51) }),
      `the file is in the field \`${'f'.repeat(50)}\`; it must be in \`attachment\``,
    ],
    [formOf({ content: 'abc' }), 'the field `attachment` has no filename, so it is no file'],
    [
      formOf(one, { field: 'note', content: 'abc' }),
      'the field `note` is not a field of this form; send only `attachment`',
    ],
    [formOf({ ...one, filename: 'a\uFFFD.txt' }), 'the file name is not valid UTF-8'],
    [Buffer.from('--other--\r\n'), 'the form is broken off, or its boundary is not the one in Content-Type'],
  ])('says what to send instead: %#', async (body, message) => {
    expect(await refusal(body)).toBe(`invalid_form: ${message}`);
  });

  it('ends in the middle of its file', async () => {
    expect(await refusal(formOf(one).subarray(0, -20))).toMatch(/^invalid_form: /);
  });

  it('has a field without a name', async () => {
    const body = formOf({ ...one, field: 'x' })
      .toString()
      .replace('name="x"; ', '');

    expect(await refusal(Buffer.from(body))).toMatch(/^invalid_form: /);
  });
});
