/** The handlers over services that the caller gives. */
import { channel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHandler as createAttach } from '../../../functions/attach.ts';
import { createHandler as createDeliver } from '../../../functions/deliver.ts';
import { createHandler as createUploads } from '../../../functions/uploads.ts';
import { createHandler as createUppy } from '../../../functions/uppy.ts';
import { filePart, form, FORM_TYPE } from '../../support/form.ts';
import { callHttp } from '../../support/http-event.ts';
import { lambdaContext } from '../../support/lambda-event.ts';
import { queueEvent } from '../../support/queue-event.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const world = await useWorld({ ends: 'sockets' });
const id = '6f1c1a53-2a8c-4f0e-9b55-0d6a0c7d3f10';

const calls = [
  {
    name: 'uploads',
    create: createUploads,
    call: { route: 'GET /v1/uploads/{id}', parameters: { id } },
  },
  {
    name: 'uppy',
    create: createUppy,
    call: { route: 'POST /v1/uppy-sessions', body: { projectId, issueId } },
  },
  {
    name: 'attach',
    create: createAttach,
    call: {
      route: 'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
      parameters: { project_id: projectId, issue_id: issueId },
      headers: { 'content-type': FORM_TYPE },
      body: form(filePart()),
    },
  },
];

/** Services over a ledger that throws this. */
function brokenBy(error: Error) {
  const { documents } = world.connectTable();
  documents.middlewareStack.add(
    () => () => {
      throw error;
    },
    { step: 'initialize' },
  );
  const { errors, telemetry } = collectErrors();
  return { errors, services: world.build({ documents, telemetry }) };
}

describe('a handler over given services', () => {
  it.each(calls)('logs its own errors through their telemetry: $name', async ({ create, call }) => {
    const { errors, services } = brokenBy(new TypeError('our mistake'));

    const { status } = await callHttp(
      create(() => services),
      call,
    );

    expect(status).toBe(500);
    expect(errors).toMatchObject([{ message: 'request failed', fields: { route: call.route } }]);
  });

  it('names the message of the queue that it could not handle, and logs why', async () => {
    const { errors, services } = brokenBy(new TypeError('our mistake'));

    const result = await createDeliver(() => services)(
      queueEvent({ uploadId: id, attempt: 1 }),
      lambdaContext(300_000),
    );

    expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-1' }] });
    expect(errors).toMatchObject([{ fields: { messageId: 'message-1' } }]);
  });
});

describe('a handler whose services cannot be built', () => {
  const lines: string[] = [];
  const listen = (line: unknown): void => void lines.push(String(line));
  beforeEach(() => channel('product-line').subscribe(listen));
  afterEach(() => channel('product-line').unsubscribe(listen));

  it.each(calls)('answers all the same, and logs why: $name', async ({ create, call }) => {
    lines.length = 0;

    const { status, body } = await callHttp(
      create(() => {
        throw new Error('settings: UPLOADS_TABLE is missing');
      }),
      call,
    );

    expect({ status, body }).toMatchObject({ status: 500, body: { code: 'internal' } });
    expect(lines.join('\n')).toContain('settings: UPLOADS_TABLE is missing');
  });
});
