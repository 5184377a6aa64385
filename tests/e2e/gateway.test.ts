import { describe, expect, it } from '@jest/globals';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const file = { projectId, issueId, filename: 'a.bin', contentType: 'application/octet-stream', size: 1 };

const product = await useProduct();

const create = () => product.call('POST /v1/uploads', { body: file });

describe('the gateway', () => {
  it('lets a page of the allowed origin ask before it sends', async () => {
    const { apiUrl } = product.urls;

    const response = await fetch(`${apiUrl}/v1/uploads`, {
      method: 'OPTIONS',
      headers: {
        origin: apiUrl,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,idempotency-key',
      },
    });

    const headers = Object.fromEntries(response.headers);
    expect(response.status).toBe(204);
    expect(headers).toMatchObject({
      'access-control-allow-origin': apiUrl,
      'access-control-max-age': '3600',
    });
    expect(headers['access-control-allow-methods']?.split(',')).toEqual(
      expect.arrayContaining(['GET', 'POST', 'DELETE']),
    );
    expect(headers['access-control-allow-headers']?.split(',')).toEqual(
      expect.arrayContaining(['authorization', 'content-type', 'idempotency-key', 'if-none-match']),
    );
  });

  it('shows the page what it needs for polling', async () => {
    const { id } = await create();

    const { headers } = await product.call(`GET /v1/uploads/${id}`, {
      headers: { origin: product.urls.apiUrl },
    });

    expect(headers.get('access-control-allow-origin')).toBe(product.urls.apiUrl);
    expect(headers.get('access-control-expose-headers')?.split(',')).toEqual(
      expect.arrayContaining(['etag', 'location', 'retry-after']),
    );
  });

  it('answers an unknown path with our own problem document', async () => {
    for (const route of ['GET /v1/nothing', 'PUT /v1/uploads', 'POST /']) {
      const answer = await product.call(route);

      expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } });
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
    }
  });
});
