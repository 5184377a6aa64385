import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { putFile } from '../support/answer.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const LIMIT = 10_000;

const product = await useProduct({ environment: { OVERSIZE: 'link', MAX_FILE_BYTES: String(LIMIT) } });
const storage = new S3Client({
  region: 'eu-central-1',
  endpoint: product.urls.s3Url,
  forcePathStyle: true,
  credentials: product.credentials,
});
afterAll(() => storage.destroy());

const linked = z.object({
  status: z.string(),
  attachment: z.null(),
  delivery: z.object({ endsAs: z.literal('link') }),
  link: z.object({ id: z.string(), url: z.url(), expiresAt: z.iso.datetime() }),
});
const links = z.array(z.object({ id: z.string(), url: z.string() }));
const shownInIpd = async () => links.parse(await (await fetch(`${product.urls.ipdAdminUrl}/links`)).json());
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Stages a file that IPD does not take, and waits for its link. */
async function link(bytes: Buffer, about: { filename?: string; contentType?: string } = {}) {
  const body = { projectId, issueId, filename: 'a.bin', contentType: 'a/b', size: bytes.length, ...about };
  const created = await product.call('POST /v1/uploads', { body });
  expect(created.body).toMatchObject({ delivery: { endsAs: 'link' }, attachment: null, link: null });
  await putFile(created.signed(), bytes);
  const { body: after } = await product.follow(created.id);
  return { id: created.id, ...linked.parse(after) };
}

const isKept = (id: string): Promise<boolean> =>
  storage
    .send(new HeadObjectCommand({ Bucket: product.settings['STAGING_BUCKET'], Key: `linked/${id}` }))
    .then(
      () => true,
      () => false,
    );

/** As a browser goes to an address that a person has clicked. */
const visit = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { headers, redirect: 'manual' });

describe('the link to a file', () => {
  it('gives a browser the same bytes under the name of the file, and lives on', async () => {
    const bytes = randomBytes(LIMIT + 1);
    const {
      id,
      link: { url, id: linkId },
    } = await link(bytes, {
      filename: '施工 现场.mp4',
      contentType: 'video/mp4',
    });

    const redirect = await visit(url);
    const target = redirect.headers.get('location') ?? '';
    const file = await fetch(target);

    expect(redirect.status).toBe(302);
    expect(redirect.headers.get('cache-control')).toBe('no-store');
    expect(redirect.headers.get('referrer-policy')).toBe('no-referrer');
    expect(new URL(target).searchParams.get('X-Amz-Expires')).toBe('60');
    expect(file.headers.get('content-type')).toBe('video/mp4');
    expect(file.headers.get('content-disposition')).toBe(
      `attachment; filename="__ __.mp4"; filename*=UTF-8''${encodeURIComponent('施工 现场.mp4')}`,
    );
    expect(sha256(await file.bytes())).toBe(sha256(bytes));
    expect(await shownInIpd()).toEqual([expect.objectContaining({ id: linkId, url })]);
    expect(url).toContain(`/v1/files/${id}/`);
  });

  it('goes on with a download that broke off, by a new request', async () => {
    const bytes = randomBytes(LIMIT + 1);
    const {
      link: { url },
    } = await link(bytes);

    const rest = await fetch(url, { headers: { range: 'bytes=4000-' } });

    expect(rest.status).toBe(206);
    expect(sha256(await rest.bytes())).toBe(sha256(bytes.subarray(4000)));
  });

  it.each(['text/html', 'image/svg+xml', 'application/javascript', 'application/pdf'])(
    'gives %s as bytes that no browser runs',
    async (contentType) => {
      const {
        link: { url },
      } = await link(randomBytes(LIMIT + 1), { contentType });

      const file = await fetch(url);

      expect(file.headers.get('content-type')).toBe('application/octet-stream');
      expect(file.headers.get('content-disposition')).toMatch(/^attachment;/);
    },
  );

  it('is the same nothing for a wrong secret, another file and a file that is gone', async () => {
    const {
      id,
      link: { url },
    } = await link(randomBytes(LIMIT + 1));
    const secret = url.split('/').at(-1) ?? '';
    const wrong = await visit(url.replace(secret, 'A'.repeat(secret.length)));
    const other = await visit(url.replace(id, randomUUID()));
    const short = await visit(url.replace(secret, 'x'));
    await product.call(`DELETE /v1/uploads/${id}`);
    const gone = await visit(url);

    const bodies = await Promise.all(
      [wrong, other, short, gone].map(async (response) => {
        const { traceId: _traceId, ...body } = z.looseObject({}).parse(await response.json());
        return { status: response.status, ...body };
      }),
    );
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
    expect(bodies[0]).toMatchObject({ status: 404, code: 'not_found', instance: '/v1/files/{id}/{secret}' });
  });

  it.each([
    ['en', 'There is nothing here, or not any more.'],
    ['zh-CN', '内容不存在，或已被清除。'],
  ])('tells a person who comes too late so, in the language %s', async (language, words) => {
    const url = `${product.urls.apiUrl}/v1/files/${randomUUID()}/of-yesterday`;

    const page = await visit(url, { accept: 'text/html,*/*;q=0.8', 'accept-language': language });

    expect(page.status).toBe(404);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const text = await page.text();
    expect(text).toContain(`<html lang="${language}">`);
    expect(text).toContain(`<p>${words}</p>`);
  });

  it('is worthless at once when its owner takes it back; link and file go', async () => {
    const {
      id,
      link: { url },
    } = await link(randomBytes(LIMIT + 1));
    expect(await isKept(id)).toBe(true);

    const removed = await product.call(`DELETE /v1/uploads/${id}`);

    expect(removed).toMatchObject({ status: 200, body: { status: 'removed', link: null } });
    expect((await visit(url)).status).toBe(404);
    while ((await shownInIpd()).length > 0) await delay(10);
    while (await isKept(id)) await delay(10);
    const again = await product.call(`DELETE /v1/uploads/${id}`);
    expect(again).toMatchObject({ status: 200, body: { status: 'removed', removal: { by: 'owner' } } });
  });

  it('is given out so many times a minute', async () => {
    const {
      link: { url },
    } = await link(randomBytes(LIMIT + 1));

    const statuses = new Set<number>();
    while (!statuses.has(429)) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => visit(url)));
      for (const { status } of answers) statuses.add(status);
    }

    expect(statuses).toEqual(new Set([302, 429]));
  });
});

it('the limits tell attachments from links', async () => {
  const { body } = await product.call('GET /v1/limits');

  expect(body).toMatchObject({
    maxFileBytes: 5 * 1024 ** 3,
    maxAttachmentBytes: LIMIT,
    oversize: 'link',
    linkedFileDays: 365,
  });
});

it('takes nothing larger than a link may lead to', async () => {
  const body = { projectId, issueId, filename: 'a.bin', contentType: 'a/b', size: 5 * 1024 ** 3 + 1 };

  const refused = await product.call('POST /v1/uploads', { body });

  expect(refused).toMatchObject({ status: 413, body: { code: 'file_too_large' } });
});

it('does all this with what its roles allow', () => {
  expect(product.iam.uses().filter(({ statement }) => statement === undefined)).toEqual([]);
});
