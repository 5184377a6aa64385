/** What the embedded stack gives to the functions for links, and what it says of a request for a file: nothing. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { z } from 'zod';
import { startStack } from '../../../local/stack.ts';
import { readService } from '../../../local/template.ts';
import { compileCache } from '../../support/compile-cache.ts';
import { createLogCollector } from '../../support/probe-stack.ts';
import { useDirectory } from '../../support/use-directory.ts';

const ROOT = join(import.meta.dirname, '../../..');
const SECRET = 'a'.repeat(43);
const KEY = 'the-key-that-a-developer-has-chosen';
const ID = '0190b6a0-7e4c-7000-8000-000000000000';
const PATH = `/v1/files/${ID}/${SECRET}`;

const directory = await useDirectory();
const seen = z.object({
  routeKey: z.string(),
  isAuthorized: z.boolean(),
  id: z.string().optional(),
  secret: z.string().optional(),
  oversize: z.string().optional(),
  publicUrl: z.string().optional(),
  linkKey: z.string().optional(),
});
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

let stop = async (): Promise<void> => undefined;
afterEach(() => stop());

/** Handlers in place of the product's, which answer with what they were given, and with hashes of what is secret. */
async function plantHandlers(): Promise<string> {
  const { functions } = readService({ directory: ROOT, env: { IPD_PROJECTS: '*' } });
  const planted = join(directory, 'planted');
  await mkdir(join(planted, 'functions'), { recursive: true });
  const code = `import { createHash } from 'node:crypto';
    const hashOf = (text) => text && createHash('sha256').update(text).digest('hex');
    export const handler = async ({ routeKey, pathParameters, requestContext }) => ({
      statusCode: 200,
      body: JSON.stringify({
        routeKey,
        isAuthorized: requestContext?.authorizer !== undefined,
        id: pathParameters?.id,
        secret: hashOf(pathParameters?.secret),
        oversize: process.env.OVERSIZE,
        publicUrl: process.env.PUBLIC_URL,
        linkKey: hashOf(process.env.LINK_KEY),
      }),
    });`;
  for (const key of Object.keys(functions)) await writeFile(join(planted, 'functions', `${key}.mjs`), code);
  return planted;
}

async function start(environment: Record<string, string>, data = 'data') {
  const logs = createLogCollector();
  const stack = await startStack({
    ports: 'free',
    dataDirectory: join(directory, data),
    cacheDirectory: compileCache(),
    environment,
    handlers: { directory: await plantHandlers(), extension: '.mjs' },
    onLog: logs.log,
  });
  stop = stack.stop;
  const ask = async (path: string) => {
    const answer = await fetch(`${stack.urls.apiUrl}${path}`, { redirect: 'manual' });
    return { status: answer.status, ...seen.parse(await answer.json()) };
  };
  return { ...stack, logs, ask };
}

describe('the embedded stack with OVERSIZE=link', () => {
  it('gives the functions its own address and a key, and lets a request for a file in without a token', async () => {
    const { ask, urls } = await start({ OVERSIZE: 'link' });

    expect(await ask(PATH)).toEqual({
      status: 200,
      routeKey: 'GET /v1/files/{id}/{secret}',
      isAuthorized: false,
      id: ID,
      secret: hashOf(SECRET),
      oversize: 'link',
      publicUrl: urls.apiUrl,
      linkKey: expect.any(String),
    });
  });

  it('takes the address and the key that are given', async () => {
    const PUBLIC_URL = 'https://uploads.example.com';

    const { ask } = await start({ OVERSIZE: 'link', PUBLIC_URL, LINK_KEY: KEY });

    expect(await ask(PATH)).toMatchObject({ publicUrl: PUBLIC_URL, linkKey: hashOf(KEY) });
  });

  it('has the name in its links by which other devices reach this machine', async () => {
    const { urls, ask } = await start({ OVERSIZE: 'link', HOST: '0.0.0.0', PUBLIC_HOST: 'localhost' });

    expect(new URL(urls.apiUrl).hostname).toBe('localhost');
    expect(await ask(PATH)).toMatchObject({ status: 200, publicUrl: urls.apiUrl });
  });

  it('keeps its key, so that links outlive a restart, where only its user can read it', async () => {
    const first = await start({ OVERSIZE: 'link' }, 'kept');
    const before = await first.ask(PATH);
    await first.stop();
    const second = await start({ OVERSIZE: 'link' }, 'kept');

    expect((await second.ask(PATH)).linkKey).toBe(before.linkKey);
    const paths = ['links', 'links/link-key'].map((name) => join(directory, 'kept', name));
    const modes = await Promise.all(paths.map(async (path) => (await stat(path)).mode & 0o777));
    expect(modes).toEqual([0o700, 0o600]);
    const kept = await readFile(join(directory, 'kept', 'links/link-key'), 'utf8');
    expect(kept).toMatch(/^local-link-key-[0-9a-f]{40}$/);
    expect(hashOf(kept)).toBe(before.linkKey);
  });

  it('has no key in the settings for the programs of operators', async () => {
    const { settings } = await start({ OVERSIZE: 'link', LINK_KEY: KEY });

    expect(settings).toMatchObject({ OVERSIZE: 'link' });
    expect(JSON.stringify(settings)).not.toContain(KEY);
  });

  it('writes the path of a request for a file nowhere', async () => {
    const { ask, logs, urls } = await start({ OVERSIZE: 'link' });
    const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    await ask(PATH);
    await fetch(`${urls.apiUrl}${PATH}/%`);
    await logs.waitFor(({ functionKey, line }) => functionKey === 'files' && line.startsWith('REPORT'));
    const written = stderr.mock.calls.map(([text]) => String(text));
    stderr.mockRestore();

    expect([...written, ...logs.lines.map(({ line }) => line)].join('\n')).not.toContain(SECRET);
  });
});

describe('the embedded stack without links', () => {
  it('has the route, but neither an address nor a key for it', async () => {
    const { ask } = await start({}, 'none');

    expect(await ask(PATH)).toMatchObject({ oversize: 'refuse', publicUrl: '' });
    expect(await ask(PATH)).not.toHaveProperty('linkKey');
    expect(await readdir(join(directory, 'none'))).not.toContain('links');
  });
});
