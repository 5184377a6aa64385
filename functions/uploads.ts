/** The HTTP API of uploads: create, read, list, re-sign, complete, cancel, retry, limits. */
import middy from '@middy/core';
import {
  answerProblems,
  bindIds,
  callerOf,
  idempotencyKey,
  isUnchanged,
  json,
  languageHeaders,
  pathParameter,
  readBody,
  readQuery,
  routed,
  textsFor,
} from '../lib/http/gateway.ts';
import type { HttpEvent, HttpResult } from '../lib/http/gateway.ts';
import { newUpload, toCursor, uploadsQuery } from '../lib/http/schemas.ts';
import { etagOf, pollAfterSeconds, toResource } from '../lib/http/resource.ts';
import { untimed } from '../lib/runtime/invocation.ts';
import { services as ofContainer } from '../lib/services.ts';
import type { Services } from '../lib/services.ts';

export const handler = createHandler(ofContainer);

/** The handler over these services. */
export function createHandler(services: () => Services) {
  return middy<HttpEvent, HttpResult>(untimed)
    .use(bindIds())
    .use(answerProblems({ services }))
    .handler(
      routed({
        'POST /v1/uploads': create,
        'GET /v1/uploads': list,
        'GET /v1/uploads/{id}': status,
        'POST /v1/uploads/{id}/urls': resign,
        'POST /v1/uploads/{id}/complete': complete,
        'POST /v1/uploads/{id}/retry': retry,
        'DELETE /v1/uploads/{id}': cancel,
        'GET /v1/limits': limits,
      }),
    );

  async function create(event: HttpEvent): Promise<HttpResult> {
    const { intake, uploads, config } = services();
    const request = readBody(event, newUpload);
    const { created, upload } = await intake.create(callerOf(event, config), request, idempotencyKey(event));
    const [replay, view, texts] = await Promise.all([
      intake.replayOf(upload),
      uploads.presign(upload, { isNew: created }),
      textsFor(event),
    ]);
    const headers = { location: `/v1/uploads/${upload.id}`, etag: etagOf(view, texts) };
    return answer(texts, created ? 201 : 200, { ...view, replay }, headers);
  }

  async function list(event: HttpEvent): Promise<HttpResult> {
    const { uploads, config } = services();
    const { state, cursor, ...rest } = readQuery(event, uploadsQuery);
    const selection = { ...rest, isOpen: state === 'open', after: cursor };
    const { views, next } = await uploads.list(callerOf(event, config), selection);
    const texts = await textsFor(event);
    const page = views.map((view) => toResource(view, texts));
    const body = { uploads: page, nextCursor: next ? toCursor(next) : null };
    return json(200, body, languageHeaders(texts));
  }

  async function status(event: HttpEvent): Promise<HttpResult> {
    const { uploads, config, clock } = services();
    const view = await uploads.get(callerOf(event, config), pathParameter(event, 'id'));
    const seconds = pollAfterSeconds(view.upload, clock.now());
    const texts = await textsFor(event);
    const etag = etagOf(view, texts);
    const headers = { etag, ...(seconds !== undefined && { 'retry-after': String(seconds) }) };
    if (isUnchanged(event, etag)) {
      return { statusCode: 304, headers: { ...languageHeaders(texts), ...headers } };
    }
    return answer(texts, 200, view, headers);
  }

  async function resign(event: HttpEvent): Promise<HttpResult> {
    const { uploads, config } = services();
    const view = await uploads.resign(callerOf(event, config), pathParameter(event, 'id'));
    return answer(await textsFor(event), 200, view);
  }

  async function complete(event: HttpEvent): Promise<HttpResult> {
    const { uploads, config } = services();
    const view = await uploads.complete(callerOf(event, config), pathParameter(event, 'id'));
    return answer(await textsFor(event), 200, view);
  }

  async function cancel(event: HttpEvent): Promise<HttpResult> {
    const { uploads, config } = services();
    const view = await uploads.cancel(callerOf(event, config), pathParameter(event, 'id'));
    return answer(await textsFor(event), 200, view);
  }

  async function retry(event: HttpEvent): Promise<HttpResult> {
    const { uploads, config } = services();
    const view = await uploads.retry(callerOf(event, config), pathParameter(event, 'id'));
    return answer(await textsFor(event), 202, view);
  }

  async function limits(event: HttpEvent): Promise<HttpResult> {
    const { intake, config } = services();
    // The limits are the same for all users, but only a valid caller gets them.
    callerOf(event, config);
    return json(200, await intake.limits());
  }
}

/** One upload, in the caller's language. */
function answer(
  texts: Parameters<typeof toResource>[1],
  statusCode: number,
  view: Parameters<typeof toResource>[0],
  headers: Record<string, string> = {},
): HttpResult {
  return json(statusCode, toResource(view, texts), { ...languageHeaders(texts), ...headers });
}
