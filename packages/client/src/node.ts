/**
 * The client in Node, and files from disk for it. It counts the bytes of an upload while they are streamed, which
 * fetch alone does not show; everything else is the same client.
 */
import { createClient as createCoreClient, UploadError } from './client.ts';
import type { Client, ClientOptions } from './client.ts';
import { streamFile } from './stream-put.ts';

export { UploadError } from './client.ts';
export type * from './client.ts';
export { guessContentType, openLocalFile } from './local-file.ts';
export type { LocalFile } from './local-file.ts';

/** As `createClient` of the browsers' client. Throws `invalid_api_url` where the address is no URL. */
export function createClient(options: ClientOptions): Client {
  const { apiUrl } = options;
  if (!URL.canParse(apiUrl)) {
    throw new UploadError({ code: 'invalid_api_url', detail: `${apiUrl} is no URL` });
  }
  return createCoreClient({ put: streamFile, ...options });
}
