import { beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readService } from '../../local/template.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const ORIGIN = 'https://app.example.com';
const REGION = 'cn-north-1';
const SETTINGS = { PUBLIC_ROUTES: 'off', ALLOWED_ORIGINS: ORIGIN, AWS_REGION: REGION };

const created = z.object({
  id: z.string(),
  staging: z.object({ url: z.url(), headers: z.record(z.string(), z.string()) }),
});

const product = await useProduct({ environment: SETTINGS });

/** Asks without a token. The gateway's own answers are not in the contract of the API. */
async function ask(request: string, headers: Record<string, string> = {}) {
  const [method = '', path = ''] = request.split(' ');
  const response = await fetch(`${product.urls.apiUrl}${path}`, { method, headers });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** The routes of this stack, with something in place of each parameter. */
function readRoutes(): string[] {
  const { functions } = readService({ directory: join(import.meta.dirname, '../..'), env: SETTINGS });
  const event = z.object({ httpApi: z.object({ method: z.string(), path: z.string() }) });
  return Object.values(functions)
    .flatMap(({ events }) => events.flatMap((one) => event.safeParse(one).data ?? []))
    .map(({ httpApi: { method, path } }) => `${method} ${path.replaceAll(/\{\w+\}/g, 'x')}`);
}

describe(`a product without public routes in ${REGION}`, () => {
  it('takes a file of a user with a token, by a URL that is signed for its region, and delivers it', async () => {
    const bytes = randomBytes(100_000);
    const about = { projectId, issueId, filename: '现场.jpg', contentType: 'image/jpeg', size: bytes.length };
    const { id, staging } = created.parse((await product.call('POST /v1/uploads', { body: about })).body);

    const stored = await fetch(staging.url, { method: 'PUT', headers: staging.headers, body: bytes });
    const { body } = await product.follow(id);

    expect(stored.status).toBe(200);
    expect(staging.url).toContain(`%2F${REGION}%2Fs3%2Faws4_request`);
    expect(body).toMatchObject({ status: 'delivered' });
  });

  it.each(readRoutes())('asks for a token at %s', async (route) => {
    expect(await ask(route)).toMatchObject({ status: 401, body: '{"message":"Unauthorized"}' });
  });

  it.each([
    'GET /v1/nothing',
    'OPTIONS /v1/uploads',
    'GET /v1/uppy/ticket/s3/params?filename=a.bin',
    'POST /v1/uppy/ticket/s3/multipart',
    'POST /v1/uppy-sessions',
  ])('has no route for %s, says the gateway', async (request) => {
    expect(await ask(request)).toMatchObject({ status: 404, body: '{"message":"Not Found"}' });
  });

  describe('a preflight', () => {
    const asked = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    let linesBefore: number;

    beforeAll(() => {
      linesBefore = product.logs.lines.length;
    });

    it('is answered by the gateway for an origin that is allowed', async () => {
      const { status, headers } = await ask('OPTIONS /v1/uploads', { ...asked, origin: ORIGIN });

      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect(headers.get('access-control-allow-headers')).toContain('authorization');
      expect(headers.get('access-control-allow-methods')?.split(',').toSorted()).toEqual([
        'DELETE',
        'GET',
        'OPTIONS',
        'POST',
      ]);
      expect(
        product.logs.lines.slice(linesBefore).filter(({ functionKey }) => functionKey === 'uploads'),
      ).toEqual([]);
    });

    it('allows nothing to another origin', async () => {
      const { headers } = await ask('OPTIONS /v1/uploads', { ...asked, origin: 'https://evil.example.com' });

      expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    });
  });
});
