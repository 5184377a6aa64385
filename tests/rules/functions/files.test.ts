import { expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createHandler } from '../../../functions/files.ts';
import { callHttp } from '../../support/http-event.ts';
import { LARGEST_ATTACHMENT, linking, linksOf } from '../../support/links.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });
const { shown } = linksOf(world);

it('leads from the address in a link to the file', async () => {
  const bytes = randomBytes(LARGEST_ATTACHMENT + 1);
  const { id } = await world.deliver(bytes);
  const [{ url } = { url: '' }] = await shown();
  const secret = url.split('/').at(-1) ?? '';

  const answer = await callHttp(
    createHandler(() => world.services),
    { route: 'GET /v1/files/{id}/{secret}', parameters: { id, secret } },
  );

  expect(answer).toMatchObject({
    status: 302,
    headers: { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' },
  });
  const file = await world.request(new URL(String(answer.headers['location'])));
  expect(Buffer.from(await file.arrayBuffer())).toEqual(bytes);
});
