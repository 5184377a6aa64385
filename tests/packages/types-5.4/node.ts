import { createClient, openLocalFile, UploadError } from '@ipd-attachment-bridge/client/node';
import type { LocalFile } from '@ipd-attachment-bridge/client/node';

const client = createClient({ apiUrl: 'https://bridge.example.com', token: 'jwt' });
const local: LocalFile = await openLocalFile('a.png');
const { status } = await client.upload({
  projectId: '0123456789abcdef0123456789abcdef',
  issueId: '956239067176935400',
  ...local,
  signal: AbortSignal.timeout(60_000),
});
export const ended: string = status;
export const isRefusal = (error: unknown): boolean => error instanceof UploadError;
