import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createHandler } from '../../../functions/uploads.ts';
import * as endings from '../../../lib/domain/endings.ts';
import { en } from '../../../lib/texts/en.ts';
import { zhCn } from '../../../lib/texts/zh-cn.ts';
import { callHttp } from '../../support/http-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const file = { projectId, issueId, filename: 'a.png', contentType: 'image/png', size: 5 };
const CHINESE = { 'content-language': 'zh-CN', vary: 'accept-language' };
const ENGLISH = { 'content-language': 'en', vary: 'accept-language' };

const world = await useWorld();
const handler = createHandler(() => world.services);

const call = (route: string, language: string, more: object = {}) =>
  callHttp(handler, { route, headers: { 'accept-language': language }, ...more });

async function failedUpload(): Promise<string> {
  const { id } = await call('POST /v1/uploads', 'en', { body: file });
  const { policy, clock } = world;
  const event = { code: 'name_refused', detail: 'PM.02101004', now: clock.now(), policy } as const;
  await world.ledger.change(id, (before) => endings.fail(before, event));
  return id;
}

describe('a problem', () => {
  const ask = (language: string) =>
    call('GET /v1/uploads/{id}', language, { parameters: { id: randomUUID() } });

  it('has its title and its text for people in Chinese, and the detail for developers in English', async () => {
    const { status, headers, body } = await ask('zh-CN,zh;q=0.9,en;q=0.8');

    expect(status).toBe(404);
    expect(headers).toMatchObject(CHINESE);
    expect(body).toMatchObject({
      code: 'not_found',
      ...zhCn.problems.not_found,
      message: zhCn.problems.not_found.userMessage,
      detail: expect.stringMatching(/^you have no upload/),
    });
  });

  it.each(['en-US', '', 'de', 'zh-TW'])('is in English for %p', async (language) => {
    const { headers, body } = await ask(language);

    expect(headers).toMatchObject(ENGLISH);
    expect(body).toMatchObject(en.problems.not_found);
  });
});

describe('an upload', () => {
  it('has its error in the language of the request, and a version of its own in each', async () => {
    const id = await failedUpload();
    const read = (language: string) => call('GET /v1/uploads/{id}', language, { parameters: { id } });

    const [chinese, english] = [await read('zh'), await read('en')];

    expect(chinese.headers).toMatchObject(CHINESE);
    expect(chinese.body).toMatchObject({
      error: { message: zhCn.failures.name_refused, detail: 'PM.02101004' },
    });
    expect(english.headers).toMatchObject(ENGLISH);
    expect(english.body).toMatchObject({ error: { message: en.failures.name_refused } });
    expect(chinese.headers['etag']).not.toBe(english.headers['etag']);
  });

  it('is unchanged only for a caller who has it in this language', async () => {
    const id = await failedUpload();
    const { headers } = await call('GET /v1/uploads/{id}', 'zh', { parameters: { id } });
    const again = (language: string) =>
      call('GET /v1/uploads/{id}', language, {
        parameters: { id },
        headers: { 'accept-language': language, 'if-none-match': headers['etag'] },
      });

    expect(await again('zh')).toMatchObject({ status: 304, headers: CHINESE });
    expect(await again('en')).toMatchObject({ status: 200, headers: ENGLISH });
  });

  it('is listed in the language of the request', async () => {
    const id = await failedUpload();

    const { headers, body } = await call('GET /v1/uploads', 'zh-Hans', { query: {} });

    expect(headers).toMatchObject(CHINESE);
    expect(body['uploads']).toContainEqual(
      expect.objectContaining({
        id,
        error: expect.objectContaining({ message: zhCn.failures.name_refused }),
      }),
    );
  });
});
