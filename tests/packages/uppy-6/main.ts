// The check opens this page with the API's address and a token, and waits for the title to tell the end.
import Uppy from '@uppy/core';
import type { Meta } from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import IpdAttachment from '@ipd-attachment-bridge/uppy';
import type { Upload } from '@ipd-attachment-bridge/uppy';

const { apiUrl = '', token = '' } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const workItem = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };

const uppy = new Uppy<Meta, Upload>()
  .use(Dashboard, { inline: true, target: '#files' })
  .use(IpdAttachment, { apiUrl, token: () => token, ...workItem });
uppy.on('upload-success', (_file, { body }) => {
  const { status }: Upload = body ?? raise('there is no upload in the answer');
  document.title = `ended: ${status}`;
});
uppy.on('upload-error', (_file, { message }) => {
  document.title = `ended: ${message}`;
});
uppy.on('ipd-attachment:already-attached', (file, upload) => {
  document.title = `ended: ${file.name} was attached before as ${upload.id}`;
});
uppy.addFile(new File(['from Uppy'], `uppy ${Uppy.VERSION}.txt`, { type: 'text/plain' }));
void uppy.upload();

export const attachAgain = (fileId: string): Promise<void> | undefined =>
  uppy.getPlugin('IpdAttachment')?.attachAgain(fileId);

// An Uppy whose files have no type of their own takes the plugin, too.
export const plain = () => new Uppy().use(IpdAttachment, { apiUrl, token: async () => token });
// @ts-expect-error: there is no address
export const refused = () => new Uppy().use(IpdAttachment, { token });

function raise(message: string): never {
  throw new Error(message);
}
