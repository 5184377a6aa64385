import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { systemClock } from '../../../lib/runtime/clock.ts';
import { createIpdClient } from '../../../lib/ipd/client.ts';
import type { IpdOptions } from '../../../lib/ipd/client.ts';
import { send } from '../../../lib/ipd/wire.ts';
import { listen } from '../../../local/listen.ts';
import { sourceOf } from '../../support/sources.ts';
import { issueId, projectId } from '../../support/world.ts';

const accessKey = { accessKey: 'HPUA0123456789ABCDEF', secretKey: 'k' };
const user = { domain: 'acme', username: 'bridge-bot', password: 'p' };
const item = { projectId, issueId };

/** Refuses everything, and says to whom. */
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    const error_msg = 'user Bridge-Bot of domain acme with ak HPUA0123456789ABCDEF has no permission';
    response.writeHead(request.url?.startsWith('/v3/auth') ? 401 : 403);
    response.end(JSON.stringify({ error_code: 'PM.02177003', error_msg }));
  });
});
let running: Awaited<ReturnType<typeof listen>>;

beforeAll(async () => {
  running = await listen(server, 0);
});
afterAll(() => running.close());

describe("IPD's error texts about our account", () => {
  it.each<Pick<IpdOptions, 'auth' | 'credentials'>>([
    { auth: 'aksk', credentials: { accessKey, user } },
    { auth: 'token', credentials: { user } },
  ])('contain none of our names in the text that a user may read ($auth)', async (access) => {
    const place = { endpoint: running.url, iamEndpoint: running.url, region: 'cn-north-4' };
    const client = createIpdClient({ ...place, ...access, send, clock: systemClock });
    const signal = AbortSignal.timeout(300_000);
    const fence = async () => undefined;
    const file = { size: 1, file: sourceOf([Buffer.from('x')]), fence };
    const part = { ...item, filename: 'a', contentType: 'a/b' };

    const refusals = [
      await client.list(item, signal),
      await client.upload({ ...part, ...file, signal }),
      await client.download({ projectId, id: '1' }, signal),
      await client.listLinks(item, signal),
      await client.createLink({ ...item, title: 't', url: 'https://b.example.com', fence }, signal),
      await client.deleteLink({ ...item, id: '1' }, signal),
      await client.addComment({ ...item, html: 'x' }, signal),
    ];

    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        detail: expect.stringContaining('user [redacted] of domain [redacted] with ak [redacted] has no'),
      });
    }
  });
});
