// What a project with no library but the language's own can do, and what a page does.
import { createClient, UploadError } from '@ipd-attachment-bridge/client';
import type { Client, Paused, Upload, UploadRequest } from '@ipd-attachment-bridge/client';

export const client: Client = createClient({
  apiUrl: 'https://bridge.example.com',
  token: async (refused?: string) => refused ?? 'jwt',
  patienceMs: 60_000,
});

export async function send(
  file: UploadRequest['file'],
  show: (words: string) => void,
): Promise<Upload | string> {
  try {
    return await client.upload({
      projectId: '0123456789abcdef0123456789abcdef',
      issueId: '956239067176935400',
      filename: 'a.png',
      contentType: 'image/png',
      file,
      again: true,
      onProgress: ({ leg, bytes, total }) => show(`${leg} ${bytes / total}`),
      onPaused: (paused: Paused | undefined) => show(paused ? `${paused.reason}: ${paused.detail}` : ''),
    });
  } catch (error) {
    return error instanceof UploadError ? `${error.code} ${error.retryable}` : String(error);
  }
}
