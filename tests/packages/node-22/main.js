// An upload from disk, as the package's README has it.
import { createClient, openLocalFile } from '@ipd-attachment-bridge/client/node';
import { createClient as createCoreClient, UploadError } from '@ipd-attachment-bridge/client';

const { API_URL: apiUrl, TOKEN: token } = process.env;
const workItem = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };
const client = createClient({ apiUrl, token });
const legs = new Set();
const upload = await client.upload({
  ...workItem,
  ...(await openLocalFile('main.js')),
  again: true,
  onProgress: ({ leg }) => legs.add(leg),
});
if (upload.status !== 'delivered' || legs.size !== 2) throw new Error(JSON.stringify(upload));

// The core alone does it, too, and both know the same error.
const core = createCoreClient({ apiUrl, token });
const { status } = await core.upload({
  ...workItem,
  filename: 'core.txt',
  contentType: 'text/plain',
  file: new Blob(['core']),
});
const error = await client.status('none').catch((reason) => reason);
if (status !== 'delivered' || !(error instanceof UploadError)) throw new Error(`${status} ${error}`);
console.log(`Node ${process.versions.node}: delivered`);
