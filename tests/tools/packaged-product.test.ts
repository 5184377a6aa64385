import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { cp } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { packageFunctions } from '../../bench/packaged.ts';
import { putFile } from '../support/answer.ts';
import { FORM_TYPE, filePart, form } from '../support/form.ts';
import { sha256 } from '../support/sha256.ts';
import { useDirectory } from '../support/use-directory.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const answered = z.object({ modulePath: z.string() });
const inParts = z.object({
  parts: z.array(z.object({ url: z.string(), headers: z.record(z.string(), z.string()) })),
});

const product = await useProduct();
const directory = await useDirectory();
const code = join(directory, 'code');
/** Whose code has answered, by its place in the packages. */
const answers = new Set<string>();
const note = (message: unknown): void => void answers.add(relative(code, answered.parse(message).modulePath));

beforeAll(async () => {
  const packaged = await packageFunctions(directory);
  // Each zip has names of its own, so they can lie side by side.
  for (const { path } of packaged.values()) await cp(path, code, { recursive: true });
  product.deploy({ directory: code, extension: '.mjs' });
  subscribe('function-answer', note);
});
afterAll(async () => {
  unsubscribe('function-answer', note);
});

it('the packages, with what the template and the endpoints give them, do the whole job', async () => {
  const [whole, parts, small] = [randomBytes(20_000), randomBytes(30_000), randomBytes(100)];
  const about = { projectId, issueId, filename: '录屏.bin', contentType: 'a/b' };

  const first = await product.call('POST /v1/uploads', { body: { ...about, size: whole.length } });
  await putFile(first.signed(), whole);
  const second = await product.call('POST /v1/uploads', {
    body: { ...about, size: parts.length, mode: 'multipart' },
  });
  for (const { url, headers } of inParts.parse(second.body['staging']).parts) {
    expect((await fetch(url, { method: 'PUT', headers, body: new Uint8Array(parts) })).status).toBe(200);
  }
  // The client does not complete this upload: the sweep finds its parts.
  await product.fireSchedules();
  const attached = await product.attach(form(filePart('a.txt', small)), { 'content-type': FORM_TYPE });
  const session = await product.call('POST /v1/uppy-sessions', { body: { projectId, issueId } });

  for (const { id } of [first, second]) {
    expect(await product.follow(id)).toMatchObject({ body: { status: 'delivered' } });
  }
  expect(attached).toMatchObject({ status: 200, body: { status: 'success' } });
  expect(session.status).toBe(201);
  const received = await product.received();
  expect(received.map((one) => one.sha256).toSorted()).toEqual([whole, parts, small].map(sha256).toSorted());
  expect([...answers].toSorted()).toEqual(
    ['attach', 'deliver', 'sweep', 'uploads', 'uppy'].map((key) => `functions/${key}.mjs`),
  );
});
