import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClient } from '../../../packages/client/src/client.ts';
import { useUploadApi } from '../../support/upload-api.ts';
import { SocketXmlHttpRequest } from '../../support/xml-http-request.ts';

const timing = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2, pollMs: 1 };
const file = new Blob([new Uint8Array(100_000)]);
const about = { projectId: 'p', issueId: 'i', filename: 'a.png', contentType: 'image/png', file };

const api = await useUploadApi();
const client = createClient({ apiUrl: api.url, token: 'jwt', timing });

beforeAll(() => {
  Reflect.set(globalThis, 'XMLHttpRequest', SocketXmlHttpRequest);
});

afterAll(() => {
  Reflect.deleteProperty(globalThis, 'XMLHttpRequest');
});

describe('upload in React Native', () => {
  it('needs none of what it lacks', async () => {
    const lacking = [
      [globalThis, 'crypto'],
      [globalThis, 'structuredClone'],
      [globalThis, 'ReadableStream'],
      [globalThis, 'TransformStream'],
      [AbortSignal, 'any'],
      [AbortSignal, 'timeout'],
    ] as const;
    const had = lacking.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name));
    lacking.forEach(([owner, name]) => Reflect.deleteProperty(owner, name));
    try {
      api.fault('PUT /parts/2', 'reset');

      expect(await client.upload({ ...about, mode: 'multipart' })).toMatchObject({ status: 'delivered' });
    } finally {
      lacking.forEach(([owner, name], index) => Object.defineProperty(owner, name, had[index] ?? {}));
    }
  });
});
