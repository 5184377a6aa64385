import { describe, expect, it } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { FORM_TYPE, filePart, form } from '../support/form.ts';
import { attachPath } from '../support/product-stack.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const LARGEST = 4_500_000;
const formType = { 'content-type': FORM_TYPE };
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const product = await useProduct();
await product.warm();

describe("IPD's own upload route", () => {
  it("answers as IPD's own page says, ids as strings", async () => {
    const bytes = randomBytes(1000);

    const { status, body } = await product.attach(form(filePart('demo.PNG', bytes, 'image/png')), formType);

    const [attachment, ...others] = await product.received();
    expect(others).toEqual([]);
    expect(attachment).toMatchObject({ size: 1000, sha256: sha256(bytes), filename: 'demo.PNG' });
    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'success',
      message: null,
      result: [
        {
          progress: 100,
          id: attachment?.id,
          workitem_id: issueId,
          filesize: 1000,
          store_filename: 'demo.PNG',
          title: 'demo.PNG',
        },
      ],
    });
  });

  it('says in Location where the upload can be read', async () => {
    const { headers } = await product.attach(form(filePart()), formType);

    const found = await product.call(`GET ${headers.get('location')}`);

    expect(found).toMatchObject({ status: 200, body: { status: 'delivered', filename: 'a.txt' } });
  });

  it('takes the token from X-Auth-Token and from nowhere else', async () => {
    const path = `POST ${attachPath({ projectId, issueId })}`;

    const answer = await product.call(path, { headers: formType, body: form(filePart()) });

    expect(answer).toMatchObject({ status: 401, body: { message: 'Unauthorized' } });
  });

  it.each([
    ['as it is', '录屏 终稿.mp4', '录屏 终稿.mp4'],
    ['escaped as browsers do', '录屏 %22终稿%22.mp4', '录屏 "终稿".mp4'],
    ['in two code points for one letter', 'e\u0301.txt', '\u00e9.txt'],
  ])('keeps a name that is sent %s', async (_case, sent, kept) => {
    const { body } = await product.attach(form(filePart(sent)), formType);

    expect(body).toMatchObject({ result: [{ store_filename: kept }] });
    expect(await product.received()).toMatchObject([{ filename: kept }]);
  });

  it('makes one attachment of two calls with one Idempotency-Key', async () => {
    const headers = { ...formType, 'idempotency-key': randomUUID() };

    const first = await product.attach(form(filePart()), headers);
    const second = await product.attach(form(filePart()), headers);

    expect(second).toMatchObject({ status: 200, body: first.body });
    expect(await product.received()).toHaveLength(1);
  });

  it('makes one attachment of two calls at once', async () => {
    const headers = { ...formType, 'idempotency-key': randomUUID() };

    const answers = await Promise.all([
      product.attach(form(filePart()), headers),
      product.attach(form(filePart()), headers),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[1]?.body).toEqual(answers[0]?.body);
    expect(await product.received()).toHaveLength(1);
  });

  it('refuses the key for another file', async () => {
    const headers = { ...formType, 'idempotency-key': randomUUID() };
    await product.attach(form(filePart('a.txt', 'one')), headers);

    const second = await product.attach(form(filePart('a.txt', 'two')), headers);

    expect(second).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });

  it('answers with the id although IPD answers without one', async () => {
    await product.ipdSettings({ uploadResult: 'null' });

    const { status, body } = await product.attach(form(filePart()), formType);

    expect(status).toBe(200);
    const [attachment, ...others] = await product.received();
    expect(body).toMatchObject({ status: 'success', message: null, result: [{ id: attachment?.id }] });
    expect(others).toEqual([]);
  });

  it('says why IPD did not take the file', async () => {
    await product.faults([{ match: { operation: 'upload' }, fault: { kind: 'error200' } }]);

    const { status, headers, body } = await product.attach(form(filePart()), formType);

    expect(status).toBe(502);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({ code: 'delivery_failed', retryable: false });
    expect(body['detail']).toContain('IPD refused the file.');
    expect(body['detail']).toContain('Upload failed.');
  });

  it('says that the work item does not exist', async () => {
    await product.ipdSettings({ missingIssues: [issueId] });

    const answer = await product.attach(form(filePart()), formType);

    expect(answer).toMatchObject({ status: 422, body: { code: 'work_item_missing' } });
  });

  it('takes 4,500,000 bytes', async () => {
    const bytes = randomBytes(LARGEST);

    const { status } = await product.attach(form(filePart('big.bin', bytes)), formType);

    expect(status).toBe(200);
    expect(await product.received()).toMatchObject([{ size: LARGEST, sha256: sha256(bytes) }]);
  });

  it('sends a file with one byte more to the other route', async () => {
    const body = form(filePart('big.bin', Buffer.alloc(LARGEST + 1)));

    const answer = await product.attach(body, formType);

    expect(answer).toMatchObject({ status: 413, body: { code: 'file_too_large' } });
    expect(answer.body['detail']).toContain('POST /v1/uploads');
  });

  it("leaves what a function cannot be given to the gateway's own 413", async () => {
    const answer = await product.attach(form(filePart('big.bin', Buffer.alloc(5_000_000))), formType);

    expect(answer.status).toBe(413);
    expect(Object.keys(answer.body)).toEqual(['message']);
  });
});
