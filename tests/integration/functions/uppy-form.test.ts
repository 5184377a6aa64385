import { describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { containersPage } from '../../support/uppy-page.ts';
import type { Form } from '../../support/uppy-page.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const file = { name: '录屏 终稿.mp4', size: 5, type: 'video/mp4' };
const hello = Buffer.from('hello');

const world = await useWorld({ ends: 'sockets' });
const { openSession, postForm } = containersPage();

const uploadOf = ({ fields }: Form) => world.find(fields['key']?.replace('staging/', '') ?? '');

describe('GET /v1/uppy/{ticket}/s3/params', () => {
  it('answers with a form that names a key of its own', async () => {
    const { params } = await openSession({ files: [file] });

    const query =
      '?filename=%E5%BD%95%E5%B1%8F+%E7%BB%88%E7%A8%BF.mp4&type=video%2Fmp4&metadata%5Bname%5D=x%26y';
    const { status, body } = await params(query.slice(1));

    expect(status).toBe(200);
    expect(body).toMatchObject({
      method: 'POST',
      url: expect.stringContaining(world.config.bucket),
      fields: {
        key: expect.stringMatching(/^staging\/[0-9a-f-]{36}$/),
        'content-type': 'video/mp4',
        success_action_status: '201',
      },
      expires: 3600,
    });
  });

  it("begins an upload of the session's user under the name that Uppy gives", async () => {
    const { user, form } = await openSession({ files: [file] });

    const upload = await uploadOf(
      await form('filename=%E5%BD%95%E5%B1%8F+%E7%BB%88%E7%A8%BF.mp4&type=video%2Fmp4'),
    );

    expect(upload).toMatchObject({
      owner: user,
      projectId,
      issueId,
      filename: file.name,
      contentType: file.type,
    });
  });

  it('ignores all other parameters of the page', async () => {
    const { user, form } = await openSession({ files: [file] });
    const lie = `metadata%5BissueId%5D=${issueId.replace('9', '8')}&metadata%5Bowner%5D=user-2&size=1000000`;

    const upload = await uploadOf(await form(`filename=a.bin&${lie}`));

    expect(upload).toMatchObject({ owner: user, issueId, maxSize: 5 });
  });

  it.each([
    '',
    '&type=',
    '&type=undefined',
    '&type=null',
    '&type=bogus',
    '&type=message%2Frfc822',
    '&type=multipart%2Fmixed%3B+boundary%3Dx',
  ])('takes a file as bytes when its type is invalid or nests: %j', async (type) => {
    const { form } = await openSession();

    const { fields } = await form(`filename=a.bin${type}`);

    expect(fields['content-type']).toBe('application/octet-stream');
  });

  it.each(['', 'filename=', 'filename=..%2Fa.bin', 'filename=a%0Ab', `filename=${'n'.repeat(201)}`])(
    'refuses the name in %.40j by its place',
    async (query) => {
      const { params } = await openSession();

      const answer = await params(query);

      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
      expect(new Set(answer.pointers())).toEqual(new Set(['query:filename']));
    },
  );

  it('delivers a file whose size was not declared', async () => {
    const { form } = await openSession({ files: [{ ...file, size: 1000 }] });
    const bytes = randomBytes(777);
    const signed = await form('filename=a.bin');

    const posted = await postForm(signed, bytes);
    const { id } = await uploadOf(signed);
    await world.delivery.onArrival({ key: `staging/${id}`, etag: md5(bytes), size: 777 }, world.run());

    expect(posted.status).toBe(201);
    expect(await world.find(id)).toMatchObject({ status: 'delivered', size: 777 });
    expect(await world.received()).toMatchObject([{ size: 777, filename: 'a.bin' }]);
  });

  it.each<[what: string, change: (form: Form) => Form, bytes: Buffer, code: string]>([
    ['a file that is too long', (form) => form, Buffer.alloc(6), 'EntityTooLarge'],
    ['an empty file', (form) => form, Buffer.alloc(0), 'EntityTooSmall'],
    ['another key', (form) => withField(form, 'key', 'staging/other'), hello, 'AccessDenied'],
    ['a key of the name', (form) => withField(form, 'key', '${filename}'), hello, 'AccessDenied'],
    ['another type', (form) => withField(form, 'content-type', 'text/html'), hello, 'AccessDenied'],
    ['a field more', (form) => withField(form, 'x-amz-meta-a', 'b'), hello, 'AccessDenied'],
    ['another answer', (form) => withField(form, 'success_action_status', '200'), hello, 'AccessDenied'],
    ['another policy', (form) => withField(form, 'Policy', widened(form)), hello, 'SignatureDoesNotMatch'],
    ['no policy', (form) => withField(form, 'Policy', undefined), hello, 'AccessDenied'],
  ])('has storage refuse %s', async (_what, change, bytes, code) => {
    const { form } = await openSession({ files: [file] });
    const signed = await form();

    const refused = await postForm(change(signed), bytes);

    expect(refused.ok).toBe(false);
    expect(await refused.text()).toContain(`<Code>${code}</Code>`);
    expect(await world.isStaged((await uploadOf(signed)).id)).toBe(false);
  });
});

function withField({ url, fields }: Form, name: string, value: string | undefined): Form {
  const { [name]: _old, ...others } = fields;
  return { url, fields: value === undefined ? others : { ...others, [name]: value } };
}

/** The policy of a form that would take more than a session allows. */
function widened({ fields }: Form): string {
  const policy = Buffer.from(fields['Policy'] ?? '', 'base64').toString();
  return Buffer.from(policy.replace('"content-length-range",1,5', '"content-length-range",1,500')).toString(
    'base64',
  );
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
