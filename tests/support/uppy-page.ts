/**
 * What a page does whose files Uppy sends: the requests of its AwsS3 plugin behind a ticket, and what storage gets
 * from it. Calls the function as the gateway does.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { createHandler, handler } from '../../functions/uppy.ts';
import { callHttp } from './http-event.ts';
import type { HttpCall } from './lambda-event.ts';
import { issueId, projectId } from './world.ts';
import type { World } from './world.ts';

export type Reference = { uploadId: string; key: string };
export type Form = z.infer<typeof formAnswer>;

type UppyPart = { PartNumber: number; ETag: string };

const S3 = '/v1/uppy/{ticket}/s3';
const sessionAnswer = z.object({ companionEndpoint: z.string() });
const formAnswer = z.object({ url: z.url(), fields: z.record(z.string(), z.string()) });
const referenceAnswer = z.object({ uploadId: z.string(), key: z.string() });
const urlAnswer = z.object({ url: z.url() });

export const routes = {
  params: `GET ${S3}/params`,
  create: `POST ${S3}/multipart`,
  list: `GET ${S3}/multipart/{uploadId}`,
  abort: `DELETE ${S3}/multipart/{uploadId}`,
  sign: `GET ${S3}/multipart/{uploadId}/{partNumber}`,
  complete: `POST ${S3}/multipart/{uploadId}/complete`,
};

type Called = Parameters<typeof callHttp>[0];

/** The page in front of the function as a container has it. */
export function containersPage() {
  return createPage(handler, fetch);
}

/** The page in front of the services of a world. */
export function uppyPageOf(world: World) {
  return createPage(
    createHandler(() => world.services),
    world.request,
  );
}

function createPage(called: Called, request: World['request']) {
  /** A call of the function, without a token. */
  function callUppy(call: HttpCall) {
    return callHttp(called, { claims: null, ...call });
  }

  function requestSession(more: object = {}, sub: string = randomUUID()) {
    const body = { projectId, issueId, ...more };
    return callUppy({ route: 'POST /v1/uppy-sessions', claims: { sub }, body });
  }

  /** A session of its own user, unless one is named. */
  async function openSession(more: object = {}, user: string = randomUUID()) {
    const { body } = await requestSession(more, user);
    const { companionEndpoint } = sessionAnswer.parse(body);
    return { user, ...bear(companionEndpoint.split('/').at(-1) ?? '') };
  }

  /** The calls that the holder of a ticket can make. */
  function bear(ticket: string) {
    /** Asks something about an upload; `key` may be left out to see what happens. */
    function ask(
      call: keyof typeof routes,
      { uploadId, key }: Partial<Reference>,
      { body, ...parameters }: { partNumber?: string; body?: object } = {},
    ) {
      return callUppy({
        route: routes[call],
        parameters: { ticket, ...(uploadId !== undefined && { uploadId }), ...parameters },
        ...(key !== undefined && { query: new URLSearchParams({ key }).toString() }),
        ...(body && { body }),
      });
    }

    const params = (query: string) => callUppy({ route: routes.params, parameters: { ticket }, query });
    const create = (body: object) => ask('create', {}, { body });
    const sign = (reference: Reference, number: number | string) =>
      ask('sign', reference, { partNumber: String(number) });

    async function sendPart(reference: Reference, number: number, bytes: Buffer): Promise<UppyPart> {
      const { url } = urlAnswer.parse((await sign(reference, number)).body);
      const stored = await request(url, { method: 'PUT', body: new Uint8Array(bytes) });
      if (!stored.ok) throw new Error(`part ${number}: ${stored.status} ${await stored.text()}`);
      return { PartNumber: number, ETag: stored.headers.get('etag') ?? '' };
    }

    return {
      ticket,
      ask,
      params,
      create,
      sign,
      sendPart,
      list: (reference: Reference) => ask('list', reference),
      abort: (reference: Reference) => ask('abort', reference),
      complete: (reference: Reference, parts: UppyPart[]) => ask('complete', reference, { body: { parts } }),
      form: async (query = 'filename=a.bin'): Promise<Form> => formAnswer.parse((await params(query)).body),
      begin: async (filename = 'a.bin'): Promise<Reference> =>
        referenceAnswer.parse((await create({ filename, type: 'video/mp4', metadata: {} })).body),
    };
  }

  /** Posts a file as a browser does: the fields first. */
  function postForm({ url, fields }: Form, bytes: Buffer): Promise<Response> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob([new Uint8Array(bytes)]), 'a.bin');
    return request(url, { method: 'POST', body: form });
  }

  return { callUppy, requestSession, openSession, bear, postForm };
}
