/**
 * A page in Chromium as a client: served from the one origin that may call, in a profile that lasts, with the file in
 * its picker. When this process is killed, the browser notes that its pipe has broken, and ends as well.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { readEvent } from '../protocol.ts';
import { readSettings, say, serve } from './port.ts';

const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-sync',
];

/**
 * Serves a page whose script is bundled from the entry, which exports `open(settings)`: an object with `hasUpload`,
 * `upload`, `cancel` and `left`, which lists what the page still keeps. The page calls `say(event)`.
 */
export async function drivePage(entry: string): Promise<void> {
  const settings = readSettings();
  const bundle = await build({
    entryPoints: [join(import.meta.dirname, entry)],
    bundle: true,
    format: 'iife',
    globalName: 'client',
    write: false,
  });
  const html = '<!doctype html><meta charset="utf-8"><title>Upload</title><input type="file">';
  const script = bundle.outputFiles[0]?.text ?? '';
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(`${html}<script>${script.replaceAll('</script', '<\\/script')}</script>`);
  });
  server.listen(Number(new URL(settings.ORIGIN).port), '127.0.0.1');
  await once(server, 'listening');

  const profile = join(settings.STATE_DIRECTORY, 'platform');
  // The browser of an earlier life may be about to end.
  while (await isThere(join(profile, 'SingletonLock'))) await delay(20);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env['CHROMIUM_PATH'] || '/usr/bin/chromium',
    args: ARGUMENTS,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.on('pageerror', (error) => process.stderr.write(`${error.stack ?? error.message}\n`));
  await page.exposeFunction('say', (event: unknown) => say(readEvent(JSON.stringify(event))));
  await page.goto(settings.ORIGIN);
  await page.locator('input').setInputFiles(settings.FILE);
  await page.evaluate(`globalThis.driven = client.open(${JSON.stringify(settings)}), undefined`);

  // Not awaited by the page: it says itself how it goes on.
  const call = (what: 'upload' | 'cancel') => page.evaluate(`void driven.${what}()`);
  const failed = (error: unknown) => process.stderr.write(`${String(error)}\n`);

  await serve(['pause', 'cancel', 'network', 'clock', 'list'], (command) => {
    const act = async (): Promise<unknown> => {
      if (command.command === 'network') return context.setOffline(!command.online);
      if (command.command !== 'resume') return call(command.command);
      return (await page.evaluate('driven.hasUpload()')) ? call('upload') : say({ event: 'nothing' });
    };
    act().catch(failed);
  });
  const items: unknown = await page.evaluate('driven.left()');
  say({ event: 'left', items: Array.isArray(items) ? items.map(String) : [] });
  await context.close();
  process.exit(0);
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
