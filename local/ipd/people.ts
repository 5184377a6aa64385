/** What people do on IPD's own pages: they attach files to work items, and delete attachments. */
import { createHash } from 'node:crypto';
import type { createAttachments } from './attachments.ts';
import type { Blobs } from './blobs.ts';
import type { Attachment, WorkItem } from './types.ts';

export function createPeople({
  attachments,
  blobs,
}: {
  attachments: ReturnType<typeof createAttachments>;
  blobs: Blobs;
}) {
  async function attach(file: WorkItem & { filename: string; bytes: Uint8Array }): Promise<Attachment> {
    const { bytes, filename, projectId, issueId } = file;
    const writer = await blobs.create();
    await writer.write(bytes);
    await writer.keep();
    return attachments.add({
      projectId,
      issueId,
      filename,
      rawFilename: filename,
      contentType: 'application/octet-stream',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      blob: writer.key,
      afterSeconds: 0,
      listDelaySeconds: 0,
    });
  }

  return { attach, remove: (gone: Attachment) => attachments.remove(gone) };
}
