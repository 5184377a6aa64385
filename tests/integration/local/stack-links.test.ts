/** What the embedded stack gives to the functions for links, and what it says of a request for a file: nothing. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { startStack } from '../../../local/stack.ts';
import { readService } from '../../../local/template.ts';
import { compileCache } from '../../support/compile-cache.ts';
import { createLogCollector } from '../../support/probe-stack.ts';
import { useDirectory } from '../../support/use-directory.ts';

const ROOT = join(import.meta.dirname, '../../..');
const SECRET = 'a'.repeat(43);
const KEY = 'the-key-that-a-developer-has-chosen';
const PATH = `/v1/files/0190b6a0-7e4c-7000-8000-000000000000/${SECRET}`;

const directory = await useDirectory();
const seen = z.object({ event: z.looseObject({}), environment: z.record(z.string(), z.string()) });

let stop = async (): Promise<void> => undefined;
afterEach(() => stop());

/** Handlers in place of the product's, which answer with what they were given. */
async function plantHandlers(): Promise<string> {
  const { functions } = readService({ directory: ROOT, env: { IPD_PROJECTS: '*' } });
  const planted = join(directory, 'planted');
  await mkdir(join(planted, 'functions'), { recursive: true });
  const code = `export const handler = async (event) => ({
    statusCode: 200,
    body: JSON.stringify({ event, environment: process.env }),
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

    const { status, event, environment } = await ask(PATH);

    expect(status).toBe(200);
    expect(event).toMatchObject({
      routeKey: 'GET /v1/files/{id}/{secret}',
      pathParameters: { id: '0190b6a0-7e4c-7000-8000-000000000000', secret: SECRET },
    });
    expect(event['requestContext']).not.toHaveProperty('authorizer');
    expect(environment).toMatchObject({ OVERSIZE: 'link', PUBLIC_URL: urls.apiUrl });
    expect(environment['LINK_KEY']).toMatch(/^local-link-key-[0-9a-f]{40}$/);
  });

  it('takes the address and the key that are given', async () => {
    const given = { PUBLIC_URL: 'https://uploads.example.com', LINK_KEY: KEY };

    const { ask } = await start({ OVERSIZE: 'link', ...given });

    expect((await ask(PATH)).environment).toMatchObject(given);
  });

  it('keeps its key, so that links outlive a restart, where only its user can read it', async () => {
    const first = await start({ OVERSIZE: 'link' }, 'kept');
    const before = (await first.ask(PATH)).environment['LINK_KEY'];
    await first.stop();
    const second = await start({ OVERSIZE: 'link' }, 'kept');

    expect((await second.ask(PATH)).environment['LINK_KEY']).toBe(before);
    const paths = ['links', 'links/link-key'].map((name) => join(directory, 'kept', name));
    const modes = await Promise.all(paths.map(async (path) => (await stat(path)).mode & 0o777));
    expect(modes).toEqual([0o700, 0o600]);
    expect(await readFile(join(directory, 'kept', 'links/link-key'), 'utf8')).toBe(before);
  });

  it('has no key in the settings for the programs of operators', async () => {
    const { settings } = await start({ OVERSIZE: 'link', LINK_KEY: KEY });

    expect(settings).toMatchObject({ OVERSIZE: 'link' });
    expect(JSON.stringify(settings)).not.toContain(KEY);
  });

  it('writes the path of a request for a file nowhere', async () => {
    const written: string[] = [];
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = (text: string | Uint8Array) => written.push(String(text)) > 0;
    const { ask, logs, urls } = await start({ OVERSIZE: 'link' });
    await ask(PATH);
    await fetch(`${urls.apiUrl}${PATH}%`, { method: 'POST' });
    await logs.waitFor(({ functionKey, line }) => functionKey === 'files' && line.startsWith('REPORT'));
    process.stderr.write = write;

    expect([...written, ...logs.lines.map(({ line }) => line)].join('\n')).not.toContain(SECRET);
  });
});

describe('the embedded stack without links', () => {
  it('has the route, but neither an address nor a key for it', async () => {
    const { ask } = await start({}, 'none');

    const { environment } = await ask(PATH);

    expect(environment).toMatchObject({ OVERSIZE: 'refuse' });
    expect(environment['PUBLIC_URL'] ?? '').toBe('');
    expect(environment).not.toHaveProperty('LINK_KEY');
    expect(await readdir(join(directory, 'none'))).not.toContain('links');
  });
});
