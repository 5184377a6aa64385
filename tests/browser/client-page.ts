/**
 * A page of an origin of its own that has nothing but the client, bundled as an app's bundler would: what apps do
 * with it in a real browser.
 */
import { createServer } from 'node:http';
import { build } from 'esbuild';
import type { BrowserContext } from 'playwright-core';
import { z } from 'zod';
import { listen } from '../../local/listen.ts';

const HTML = `<!doctype html><title>An app</title><script type="module">
import { createClient } from '/client.js';
window.createClient = createClient;
</script>`;

/** Serves the page; `policy` is its Content-Security-Policy. */
export async function startClientPage({ policy }: { policy?: string } = {}) {
  const { outputFiles } = await build({
    entryPoints: ['packages/client/src/client.ts'],
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    outdir: '/page',
    write: false,
  });
  const scripts = new Map(outputFiles.map(({ path, text }) => [path.slice('/page'.length), text]));
  const server = createServer(({ url = '' }, response) => {
    const script = scripts.get(url);
    response.writeHead(200, {
      'content-type': script === undefined ? 'text/html' : 'text/javascript',
      ...(policy !== undefined && { 'content-security-policy': policy }),
    });
    response.end(script ?? HTML);
  });
  const { url, close } = await listen(server, 0);
  return { url, close };
}

export type Call = { apiUrl: string; token: string; size?: number; timing?: object };

const outcome = z.object({
  /** The final status of the upload, or the error's code. */
  end: z.string(),
  detail: z.string().optional(),
  retryable: z.boolean().optional(),
  ms: z.number(),
});

/** Opens the page in a context; `upload` begins an upload there, `seen` gives what its callbacks were called with. */
export async function openClientPage(context: BrowserContext, origin: string) {
  const page = await context.newPage();
  await page.goto(origin);
  await page.waitForFunction('window.createClient');
  return {
    page,
    async upload({ apiUrl, token, size = 10_000, timing = {} }: Call) {
      return outcome.parse(
        await page.evaluate(`(async () => {
          window.seen = [];
          const client = createClient(${JSON.stringify({ apiUrl, token, timing })});
          const bytes = new Uint8Array(${size}).map((_, index) => index % 251);
          const startedAt = performance.now();
          const ms = () => Math.round(performance.now() - startedAt);
          try {
            const { status } = await client.upload({
              projectId: '0123456789abcdef0123456789abcdef',
              issueId: '956239067176935400',
              filename: 'recording.bin',
              contentType: 'application/octet-stream',
              file: new File([bytes], 'recording.bin'),
              onPaused: (paused) => window.seen.push(paused ? paused.reason : 'goes on'),
            });
            return { end: status, ms: ms() };
          } catch ({ code, detail, retryable }) {
            return { end: code, detail, retryable, ms: ms() };
          }
        })()`),
      );
    },
    seen: async () => z.array(z.string()).parse(await page.evaluate('window.seen')),
  };
}
