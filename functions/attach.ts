/** IPD's own upload route for small files, in IPD's own answer shape. */
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import {
  answerProblems,
  bindIds,
  callerOf,
  check,
  idempotencyKey,
  json,
  pathParameter,
  readBytes,
} from '../lib/http/gateway.ts';
import type { HttpEvent, HttpResult } from '../lib/http/gateway.ts';
import { attachRequest } from '../lib/http/schemas.ts';
import { toIpdAnswer } from '../lib/http/resource.ts';
import { untimed } from '../lib/runtime/invocation.ts';
import { loadAhead, services as ofContainer } from '../lib/services.ts';
import type { Services } from '../lib/services.ts';
import { readUploadForm } from '../lib/http/upload-form.ts';

/** The gateway gives up after 30 s, so the caller gets an answer before that. */
const WAIT_MS = 25_000;
const MARGIN_MS = 3_000;

// Every call stores and queues: the SDK for that is loaded at the start, not within the first call.
await loadAhead('storage', 'queue');

export const handler = createHandler(ofContainer);

/** The handler over these services. */
export function createHandler(services: () => Services) {
  return middy<HttpEvent, HttpResult>(untimed)
    .use(bindIds())
    .use(
      answerProblems({ services, pointers: { '/projectId': 'path:project_id', '/size': 'form:attachment' } }),
    )
    .handler(async (event: HttpEvent, context: Context): Promise<HttpResult> => {
      const { attach, config, clock } = services();
      const until = clock.now() + Math.min(WAIT_MS, context.getRemainingTimeInMillis() - MARGIN_MS);
      const caller = callerOf(event, config);
      const form = await readUploadForm(readBytes(event), event.headers['content-type'] ?? '');
      const item = {
        projectId: pathParameter(event, 'project_id'),
        issueId: pathParameter(event, 'issue_id'),
      };
      const request = check({ ...item, ...form }, attachRequest, toPlace);
      const upload = await attach.attach(caller, request, { key: idempotencyKey(event), until });
      const { statusCode, body } = toIpdAnswer(upload);
      return json(statusCode, body, { location: `/v1/uploads/${upload.id}` });
    });
}

/** The work item comes in the path, the rest in the form. */
function toPlace([field = '']: PropertyKey[]): string {
  if (field === 'projectId') return 'path:project_id';
  if (field === 'issueId') return 'path:issue_id';
  return field === 'bytes' ? 'form:attachment' : `form:${String(field)}`;
}
