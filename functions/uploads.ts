/**
 * The HTTP API of uploads: create, status, re-sign, cancel, limits. The gateway has routed already,
 * so a table from its route keys to one call each is all there is.
 */
import middy from '@middy/core';
import { AppError } from '../lib/errors.ts';
import {
  answerProblems,
  callerOf,
  idempotencyKey,
  isUnchanged,
  json,
  pathParameter,
  readBody,
} from '../lib/http.ts';
import type { HttpEvent, HttpResult } from '../lib/http.ts';
import { newUpload } from '../lib/requests.ts';
import { pollAfterSeconds, toResource } from '../lib/resource.ts';
import { services } from '../lib/services.ts';

const routes: Record<string, (event: HttpEvent) => Promise<HttpResult>> = {
  'POST /v1/uploads': create,
  'GET /v1/uploads/{id}': status,
  'POST /v1/uploads/{id}/urls': resign,
  'POST /v1/uploads/{id}/retry': retry,
  'DELETE /v1/uploads/{id}': cancel,
  'GET /v1/limits': limits,
};

export const handler = middy<HttpEvent, HttpResult>()
  .use(answerProblems())
  .handler(async (event) => {
    const route = routes[event.routeKey];
    if (route === undefined)
      throw new AppError('not_found', `there is no ${event.requestContext.http.method} ${event.rawPath}`);
    return route(event);
  });

async function create(event: HttpEvent): Promise<HttpResult> {
  const { intake, config } = services();
  const { mode: _mode, ...request } = readBody(event, newUpload);
  const { created, upload } = await intake.create(callerOf(event, config), request, idempotencyKey(event));
  const body = toResource(upload, await intake.sign(upload));
  return json(created ? 201 : 200, body, {
    location: `/v1/uploads/${upload.id}`,
    etag: `"${upload.version}"`,
  });
}

async function status(event: HttpEvent): Promise<HttpResult> {
  const { intake, config, clock } = services();
  const upload = await intake.find(callerOf(event, config), pathParameter(event, 'id'));
  const seconds = pollAfterSeconds(upload, clock.now());
  const etag = `"${upload.version}"`;
  const headers = { etag, ...(seconds !== undefined && { 'retry-after': String(seconds) }) };
  if (isUnchanged(event, etag)) return { statusCode: 304, headers };
  return json(200, toResource(upload), headers);
}

async function resign(event: HttpEvent): Promise<HttpResult> {
  const { intake, config } = services();
  const { upload, signed } = await intake.resign(callerOf(event, config), pathParameter(event, 'id'));
  return json(200, toResource(upload, signed));
}

async function cancel(event: HttpEvent): Promise<HttpResult> {
  const { intake, config } = services();
  return json(200, toResource(await intake.cancel(callerOf(event, config), pathParameter(event, 'id'))));
}

async function retry(event: HttpEvent): Promise<HttpResult> {
  const { intake, config } = services();
  return json(202, toResource(await intake.retry(callerOf(event, config), pathParameter(event, 'id'))));
}

async function limits(): Promise<HttpResult> {
  return json(200, await services().intake.limits());
}
