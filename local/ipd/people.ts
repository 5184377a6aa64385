/** What people do on IPD's own pages: they attach files to work items, add links, and delete both. */
import { createHash } from 'node:crypto';
import type { createAttachments } from './attachments.ts';
import type { Blobs } from './blobs.ts';
import type { createLinks } from './links.ts';
import { AT_ONCE } from './rows.ts';
import type { Attachment, StoredFile, WorkItem } from './types.ts';

export function createPeople({
  attachments,
  blobs,
  links,
}: {
  attachments: ReturnType<typeof createAttachments>;
  blobs: Blobs;
  links: ReturnType<typeof createLinks>;
}) {
  async function attach({
    bytes,
    filename,
    projectId,
    issueId,
  }: WorkItem & { filename: string; bytes: Uint8Array }): Promise<Attachment> {
    const writer = await blobs.create();
    await writer.write(bytes);
    await writer.keep();
    const file: WorkItem & StoredFile = {
      projectId,
      issueId,
      filename,
      rawFilename: filename,
      contentType: 'application/octet-stream',
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      blob: writer.key,
    };
    return attachments.add(file, AT_ONCE);
  }

  return {
    attach,
    remove: (gone: Attachment) => attachments.remove(gone),
    plantLink: links.plant,
    /** False where there is no link with this id. */
    deleteLink: links.uproot,
  };
}
