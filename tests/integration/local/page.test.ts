import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeTemporaryDirectory, startProbeStack } from '../../support/probe-stack.ts';

let data: Awaited<ReturnType<typeof makeTemporaryDirectory>>;
let stack: Awaited<ReturnType<typeof startProbeStack>>;

beforeAll(async () => {
  data = await makeTemporaryDirectory();
  stack = await startProbeStack({ dataDirectory: data.path });
});

afterAll(async () => {
  await stack.stop();
  await data.remove();
});

async function get(path: string, init: RequestInit = {}) {
  const response = await fetch(`${stack.urls.apiUrl}${path}`, { redirect: 'manual', ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** fetch does not let a Host be set. */
async function locationFor(host: string, path: string): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  request(`${stack.urls.apiUrl}${path}`, { headers: { host } }, ({ headers }) => resolve(headers.location))
    .on('error', reject)
    .end();
  return promise;
}

describe('the page at /', () => {
  it('names files that are there, each with its type', async () => {
    const { status, headers, text } = await get('/?project=0&issue=1');
    const names = [...text.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, name = '']) => name);
    const types = await Promise.all(
      names.map(async (name) => (await get(`/${name}`)).headers.get('content-type')),
    );

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(new Set(types)).toEqual(
      new Set(['image/svg+xml', 'text/css; charset=utf-8', 'text/javascript; charset=utf-8']),
    );
  });

  it('may call the parts of the stack and nothing else', async () => {
    const { text } = await get('/');

    const { apiUrl, s3Url, tokenUrl } = stack.urls;
    expect(text).toContain(`connect-src 'self' ${apiUrl} ${new URL(tokenUrl).origin} ${s3Url};`);
    expect(text).toContain("default-src 'none'; script-src 'self';");
  });

  it('learns where the parts of the stack are', async () => {
    const { text } = await get('/config.json');

    const { apiUrl, tokenUrl, ipdAdminUrl } = stack.urls;
    expect(JSON.parse(text)).toEqual({
      apiUrl,
      issuer: new URL(tokenUrl).origin,
      clientId: 'attach-files',
      ipdUrl: `${ipdAdminUrl}/attachments?project={project}&issue={issue}`,
    });
  });

  it('has a browser that names the host localhost come to its own origin', async () => {
    expect(await locationFor('localhost:3000', '/?project=0&issue=1')).toBe(
      `${stack.urls.apiUrl}/?project=0&issue=1`,
    );
  });

  it.each([
    ['POST', '/'],
    ['GET', '/index.css'],
    ['GET', '/src/main.ts'],
    ['GET', '/v1/config.json'],
  ])('leaves %s %s to the functions', async (method, path) => {
    const { text } = await get(path, { method });

    // The probe service echoes the event of any route it does not know.
    expect(JSON.parse(text)).toMatchObject({ routeKey: '$default' });
  });
});
