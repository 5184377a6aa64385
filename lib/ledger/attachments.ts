/** Which upload owns which of IPD's attachments: one item each, given by a conditional write, for good. */
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { outliving, UNLESS_TAKEN } from './ownership.ts';
import type { Table } from './table.ts';

export type Attachments = ReturnType<typeof createAttachments>;

const owned = z.object({ uploadId: z.string() });

export function createAttachments({
  table: { read, putUnless },
  clock,
  retentionMs,
}: {
  table: Table;
  clock: Clock;
  retentionMs: number;
}) {
  /** Claims an attachment for an upload; answers with the upload that has it, which may be another. */
  async function claimAttachment(attachmentId: string, uploadId: string): Promise<string> {
    const pk = attachmentKey(attachmentId);
    const taken = await putUnless(
      pk,
      { uploadId, ...outliving(clock, retentionMs) },
      { condition: UNLESS_TAKEN, values: { ':mine': uploadId } },
    );
    return taken === undefined ? uploadId : owned.parse(taken).uploadId;
  }

  /** Which of these attachments have been claimed, and by which upload. */
  async function findClaims(attachmentIds: string[]): Promise<Map<string, string>> {
    const items = await Promise.all(
      attachmentIds.map(async (id) => [id, await read(attachmentKey(id))] as const),
    );
    return new Map(items.flatMap(([id, item]) => (item ? [[id, owned.parse(item).uploadId]] : [])));
  }

  return { claimAttachment, findClaims };
}

const attachmentKey = (id: string): string => `attachment#${id}`;
