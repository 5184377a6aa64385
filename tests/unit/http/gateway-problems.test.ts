import { describe, expect, it } from '@jest/globals';
import middy from '@middy/core';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { answerProblems, bindIds } from '../../../lib/http/gateway.ts';
import type { HttpEvent, HttpResult } from '../../../lib/http/gateway.ts';
import { showProblems } from '../../../lib/http/problem-page.ts';
import { AppError, invalidRequest } from '../../../lib/domain/errors.ts';
import { createTelemetry } from '../../../lib/runtime/telemetry.ts';
import { en } from '../../../lib/texts/en.ts';
import { zhCn } from '../../../lib/texts/zh-cn.ts';
import { httpEvent, lambdaContext } from '../../support/lambda-event.ts';
import { collectTelemetry } from '../../support/surroundings.ts';

const route = 'GET /v1/files/{id}/{secret}';
const parameters = { id: 'u-1', secret: 's-1' };

/** What a function answers that throws this, and what it logs. */
async function answerTo(
  error: unknown,
  { headers = {}, pointers, isPage = false }: { headers?: object; pointers?: object; isPage?: boolean } = {},
) {
  const { telemetry, lines } = collectTelemetry();
  const base = middy<HttpEvent, HttpResult>().use(bindIds());
  if (isPage) base.use(showProblems());
  const handler = base
    .use(answerProblems({ services: () => ({ telemetry }), ...(pointers && { pointers: { ...pointers } }) }))
    .handler(async (): Promise<HttpResult> => {
      throw error;
    });
  const event = httpEvent({ route, parameters, headers: { ...headers } });
  const answer = await handler(event, lambdaContext());
  return { answer, lines, body: isPage ? answer.body : JSON.parse(answer.body ?? '') };
}

describe('a problem', () => {
  it('has all that its code says, and names no secret', async () => {
    const error = new AppError('rate_limited', 'too fast', { retryAfterSeconds: 7 });

    const { answer, body, lines } = await answerTo(error);

    expect(answer).toMatchObject({
      statusCode: 429,
      headers: {
        'content-type': 'application/problem+json',
        'cache-control': 'no-store',
        'content-language': 'en',
        vary: 'accept-language',
        'retry-after': '7',
      },
    });
    expect(body).toEqual({
      type: 'urn:ipd-attachment-bridge:problem:rate_limited',
      title: en.problems.rate_limited.title,
      status: 429,
      detail: 'too fast',
      userMessage: en.problems.rate_limited.userMessage,
      message: en.problems.rate_limited.userMessage,
      instance: '/v1/files/{id}/{secret}',
      code: 'rate_limited',
      retryable: true,
      traceId: 'gateway-request-1',
    });
    expect(lines).toEqual([]);
  });

  it.each([
    [new Error('a secret'), 'internal', 500],
    [new AppError('internal', 'a secret'), 'internal', 500],
    [new AppError('lease_lost', 'a secret'), 'internal', 500],
    [Object.assign(new Error('a secret'), { code: 'not_found' }), 'internal', 500],
    [new AppError('unavailable', 'a secret'), 'unavailable', 503],
  ])(
    'that is not the caller’s is logged, and tells nothing of its cause: %#',
    async (error, code, status) => {
      const { answer, body, lines } = await answerTo(error);

      expect(body).toMatchObject({
        code,
        status,
        detail: 'the cause is in the logs under the traceId',
        userMessage: en.problems[code === 'internal' ? 'internal' : 'unavailable'].userMessage,
      });
      expect(answer.headers?.['retry-after']).toBe(status === 503 ? '5' : undefined);
      expect(lines).toEqual([{ message: 'request failed', traceId: 'gateway-request-1', route }]);
    },
  );

  it('of IPD is logged, and says why', async () => {
    const { body, lines } = await answerTo(
      new AppError('delivery_failed', 'IPD says no', { failure: 'ipd_refused' }),
    );

    expect(body).toMatchObject({
      status: 502,
      detail: 'IPD says no',
      userMessage: en.failures.ipd_refused,
      message: en.failures.ipd_refused,
    });
    expect(lines).toHaveLength(1);
  });

  it('names its places, as the route has them', async () => {
    const error = invalidRequest([
      { pointer: '/name', detail: 'is required' },
      { pointer: '/size', detail: 'is wrong' },
    ]);

    const { body } = await answerTo(error, { pointers: { '/name': 'query:name' } });

    expect(body.errors).toEqual([
      { pointer: 'query:name', detail: 'is required' },
      { pointer: '/size', detail: 'is wrong' },
    ]);
  });

  it('names one place', async () => {
    const { body } = await answerTo(invalidRequest([{ pointer: '/name', detail: 'is required' }]));

    expect(body.errors).toEqual([{ pointer: '/name', detail: 'is required' }]);
  });

  it('is in the language of the caller', async () => {
    const { answer, body } = await answerTo(new AppError('not_found', 'gone'), {
      headers: { 'accept-language': 'zh-CN' },
    });

    expect(answer.headers).toMatchObject({ 'content-language': 'zh-CN' });
    expect(body).toMatchObject({ title: zhCn.problems.not_found.title });
  });

  it('is answered where the settings are wrong, too', async () => {
    const services = () => {
      throw new Error('settings');
    };
    const handler = middy<HttpEvent, HttpResult>()
      .use(answerProblems({ services }))
      .handler(async (): Promise<HttpResult> => services());

    expect(await handler(httpEvent({ route }), lambdaContext())).toMatchObject({ statusCode: 500 });
  });
});

describe('a call', () => {
  it('is named in each line that is logged in it', async () => {
    const written: unknown[] = [];
    const keep = (line: unknown): void => void written.push(JSON.parse(String(line)));
    subscribe('product-line', keep);
    const handler = middy<HttpEvent, HttpResult>()
      .use(bindIds())
      .handler(async (): Promise<HttpResult> => {
        createTelemetry().info('a line');
        return { statusCode: 204 };
      });

    await handler(httpEvent({ route }), lambdaContext());

    unsubscribe('product-line', keep);
    expect(written).toMatchObject([
      { message: 'a line', requestId: 'gateway-request-1', invocationId: 'request-1' },
    ]);
  });
});

describe('a problem for a browser', () => {
  const headers = { accept: 'text/html,*/*' };

  it('is a page in its language, that is shown nowhere else and loads nothing', async () => {
    const { answer, body } = await answerTo(new AppError('not_found', 'gone'), {
      headers: { ...headers, 'accept-language': 'zh-CN' },
      isPage: true,
    });

    expect(answer).toMatchObject({
      statusCode: 404,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-language': 'zh-CN',
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
      },
    });
    const { title, userMessage } = zhCn.problems.not_found;
    expect(body).toContain(`<html lang="zh-CN">`);
    expect(body).toContain(`<title>${title}</title><h1>${title}</h1><p>${userMessage}</p>`);
  });

  it.each([{}, { accept: 'application/json' }, { accept: 'text/html5' }])(
    'is no page for %j',
    async (others) => {
      const { answer } = await answerTo(new AppError('not_found', 'gone'), { headers: others, isPage: true });

      expect(answer.headers).toMatchObject({ 'content-type': 'application/problem+json' });
    },
  );

  it('is no page where nothing has answered with a problem', async () => {
    const handler = middy<HttpEvent, HttpResult>()
      .use(showProblems())
      .handler(async (): Promise<HttpResult> => {
        throw new Error('as it is');
      });

    await expect(handler(httpEvent({ route, headers }), lambdaContext())).rejects.toThrow('as it is');
  });
});
