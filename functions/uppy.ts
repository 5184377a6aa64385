/**
 * The routes of a Companion that Uppy's AwsS3 plugin calls, behind a ticket in the path; and the session that gives
 * the ticket.
 * https://github.com/transloadit/uppy/blob/main/packages/@uppy/companion/src/server/controllers/s3.js
 */
import middy from '@middy/core';
import {
  answerProblems,
  bindIds,
  callerOf,
  check,
  json,
  originOf,
  pathParameter,
  readBody,
  readQuery,
  routed,
} from '../lib/http/gateway.ts';
import type { HttpEvent, HttpResult } from '../lib/http/gateway.ts';
import { keyQuery, namedParts, newSession, partPath, uppyBody, uppyQuery } from '../lib/http/schemas.ts';
import { untimed } from '../lib/runtime/invocation.ts';
import { services as ofContainer } from '../lib/services.ts';
import type { Services } from '../lib/services.ts';

const BASE = '/v1/uppy/{ticket}/s3';

export const handler = createHandler(ofContainer);

/** The handler over these services. */
export function createHandler(services: () => Services) {
  return middy<HttpEvent, HttpResult>(untimed)
    .use(bindIds())
    .use(answerProblems({ services }))
    .handler(
      routed({
        'POST /v1/uppy-sessions': open,
        [`GET ${BASE}/params`]: form,
        [`POST ${BASE}/multipart`]: beginParts,
        [`GET ${BASE}/multipart/{uploadId}`]: listParts,
        [`DELETE ${BASE}/multipart/{uploadId}`]: abort,
        [`GET ${BASE}/multipart/{uploadId}/{partNumber}`]: signPart,
        [`POST ${BASE}/multipart/{uploadId}/complete`]: complete,
      }),
    );

  async function open(event: HttpEvent): Promise<HttpResult> {
    const { uppy, config } = services();
    const { ticket, ...session } = await uppy.open(callerOf(event, config), readBody(event, newSession));
    return json(201, { companionEndpoint: `${originOf(event)}/v1/uppy/${ticket}`, ...session });
  }

  async function form(event: HttpEvent): Promise<HttpResult> {
    const signed = await services().uppy.form(
      ticketOf(event),
      readQuery(event, uppyQuery),
      requestIdOf(event),
    );
    return json(200, { method: 'POST', ...signed });
  }

  async function beginParts(event: HttpEvent): Promise<HttpResult> {
    const file = readBody(event, uppyBody);
    return json(200, await services().uppy.beginParts(ticketOf(event), file, requestIdOf(event)));
  }

  async function listParts(event: HttpEvent): Promise<HttpResult> {
    const stored = await services().uppy.listParts(ticketOf(event), referenceOf(event));
    return json(
      200,
      stored.map(({ number, etag, size }) => ({ PartNumber: number, ETag: etag, Size: size })),
    );
  }

  async function signPart(event: HttpEvent): Promise<HttpResult> {
    const { partNumber } = check(event.pathParameters, partPath, ([name = '']) => `path:${String(name)}`);
    const part = { ...referenceOf(event), number: partNumber };
    return json(200, await services().uppy.signPart(ticketOf(event), part));
  }

  async function complete(event: HttpEvent): Promise<HttpResult> {
    const named = readBody(event, namedParts);
    const { id } = await services().uppy.complete(ticketOf(event), referenceOf(event), named);
    const { key } = referenceOf(event);
    return json(200, { location: `${originOf(event)}/v1/uploads/${id}`, key });
  }

  async function abort(event: HttpEvent): Promise<HttpResult> {
    await services().uppy.abort(ticketOf(event), referenceOf(event));
    return json(200, {});
  }
}

function requestIdOf(event: HttpEvent): string {
  return event.requestContext.requestId;
}

function ticketOf(event: HttpEvent): string {
  return pathParameter(event, 'ticket');
}

function referenceOf(event: HttpEvent) {
  return { uploadId: pathParameter(event, 'uploadId'), ...readQuery(event, keyQuery) };
}
