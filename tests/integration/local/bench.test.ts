import { readFile, readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeTemporaryDirectory, startProbeStack } from '../../support/probe-stack.ts';

const SOURCE = join(import.meta.dirname, '../../..', 'local', 'bench');
/** Many times what a build takes: a net against a page that never comes. */
const LONGEST_BUILD_MS = 120_000;
/** URLs that are identifiers only: no program sends requests to them. */
const NAMESPACES = new Set(['http://www.w3.org/2000/svg']);

let data: Awaited<ReturnType<typeof makeTemporaryDirectory>>;
let stack: Awaited<ReturnType<typeof startProbeStack>>;
let built: Awaited<ReturnType<typeof get>>[];

beforeAll(async () => {
  data = await makeTemporaryDirectory();
  stack = await startProbeStack({ dataDirectory: data.path });
  // Both at once, and before all else: only the first request for a page builds it. A page that never comes ends all tests here.
  built = await Promise.all(
    ['/', '/bench/uppy6.js'].map((path) => get(path, { signal: AbortSignal.timeout(LONGEST_BUILD_MS) })),
  );
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
async function getAs(host: string, path: string): Promise<{ status?: number; location?: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status?: number; location?: string }>();
  request(`${stack.urls.apiUrl}${path}`, { headers: { host } }, ({ statusCode, headers }) => {
    const { location } = headers;
    resolve({ ...(statusCode && { status: statusCode }), ...(location && { location }) });
  })
    .on('error', reject)
    .end();
  return promise;
}

describe('the test bench', () => {
  it('is built although the page is asked for at the same time', () => {
    expect(built.map(({ status }) => status)).toEqual([200, 200]);
  });

  it.each([
    ['/bench', 'uppy6'],
    ['/bench?uppy=5', 'uppy5'],
    ['/bench?uppy=9', 'uppy6'],
  ])('at %s comes with %s', async (path, version) => {
    const { status, headers, text } = await get(path);

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(text).toContain(`src="/bench/${version}.js"`);
    expect(text).toContain(`href="/bench/${version}.css"`);
  });

  it.each([
    ['uppy6', '6.3.1'],
    ['uppy5', '5.1.0'],
  ])('brings %s with its own version of the S3 plugin', async (name, version) => {
    const script = await get(`/bench/${name}.js`);
    const style = await get(`/bench/${name}.css`);

    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(script.text).toMatch(new RegExp(`"@uppy/aws-s3",[^}]{0,400}version:"${version}"`));
    expect(style.headers.get('content-type')).toBe('text/css; charset=utf-8');
    expect(style.text).toContain('.uppy-Dashboard');
  });

  it('learns where the parts of the stack are', async () => {
    const { headers, text } = await get('/bench/settings.json');

    const { apiUrl, tokenUrl, ipdAdminUrl } = stack.urls;
    expect(headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(text)).toEqual({ apiUrl, tokenUrl, ipdAdminUrl });
  });

  it('answers HEAD without a body', async () => {
    const { status, headers, text } = await get('/bench', { method: 'HEAD' });

    expect(status).toBe(200);
    expect(Number(headers.get('content-length'))).toBeGreaterThan(1000);
    expect(text).toBe('');
  });

  it('has a browser that names the host localhost come to its own origin', async () => {
    const answer = await getAs('localhost:3000', '/bench?uppy=5');

    expect(answer).toEqual({ status: 302, location: `${stack.urls.apiUrl}/bench?uppy=5` });
  });

  it.each([
    ['POST', '/bench'],
    ['DELETE', '/bench/settings.json'],
    ['GET', '/bench/'],
    ['GET', '/bench/bench.ts'],
    ['GET', '/bench/..%2fstart.ts'],
    ['GET', '/benches'],
  ])('leaves %s %s to the functions', async (method, path) => {
    const { text } = await get(path, { method });

    // The probe service echoes the event of any route it does not know.
    expect(JSON.parse(text)).toMatchObject({ routeKey: '$default' });
  });

  it('lets a browser load nothing from elsewhere', async () => {
    const { headers } = await get('/bench');

    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
  });

  it('names no other host in its own files', async () => {
    const names = await readdir(SOURCE);
    const files = names.filter((name) => /\.(html|css|ts|svg)$/.test(name));
    const texts = await Promise.all(files.map((name) => readFile(join(SOURCE, name), 'utf8')));

    expect(files).toEqual(expect.arrayContaining(['index.html', 'bench.css', 'bench.ts']));
    const addresses = texts.flatMap((text) => text.match(/(?:https?:)?\/\/[\w.-]+\.\w{2,}[^"'`\s)]*/g) ?? []);
    expect(addresses.filter((address) => !NAMESPACES.has(address))).toEqual([]);
  });
});

describe('what the bench asks for elsewhere', () => {
  it('is open to its origin at the token issuer', async () => {
    const response = await fetch(stack.urls.tokenUrl, {
      method: 'POST',
      headers: { origin: stack.urls.apiUrl },
      body: '{"sub":"user-1"}',
    });

    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe(stack.urls.apiUrl);
  });

  it('is open to its origin at the list of what IPD received', async () => {
    const response = await fetch(`${stack.urls.ipdAdminUrl}/attachments`, {
      headers: { origin: stack.urls.apiUrl },
    });

    expect(await response.json()).toEqual([]);
    expect(response.headers.get('access-control-allow-origin')).toBe(stack.urls.apiUrl);
  });
});
