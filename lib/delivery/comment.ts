/**
 * Says in the work item who sent a file: IPD shows the bridge's account as the author of everything. One try after the
 * delivery. A comment that may be there is never made again, since a missing one is better than two, and none of it
 * concerns the delivery.
 */
import { beginComment } from '../domain/attempts.ts';
import type { IpdClient } from '../ipd/client.ts';
import type { Ledger } from '../ledger/uploads.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import type { Catalogue } from '../texts/catalogue.ts';
import { fieldsOf } from '../domain/upload.ts';
import type { Upload } from '../domain/upload.ts';

export type Comments = ReturnType<typeof createComments>;

export function createComments(deps: {
  ledger: Ledger;
  ipd: () => Promise<IpdClient>;
  /** In the language of the comments; undefined where none are made. */
  texts: (() => Promise<Catalogue>) | undefined;
  clock: Clock;
  telemetry: Telemetry;
}) {
  const { ledger, ipd, texts, clock, telemetry } = deps;

  /** Comments on this delivery, unless that was begun before. Throws nothing. */
  async function tryOnce(upload: Upload, signal: AbortSignal): Promise<void> {
    if (texts === undefined) return;
    try {
      const client = await ipd();
      const { changed, upload: begun } = await ledger.change(upload.id, (before) =>
        beginComment(before, { now: clock.now() }),
      );
      if (!changed) return;
      const { projectId, issueId } = begun;
      const html = commentOn(begun, await texts());
      const made = await client.addComment({ projectId, issueId, html }, signal);
      if (made.kind !== 'added') throw new Error(made.detail);
    } catch (error) {
      telemetry.error('comment not written', error, fieldsOf(upload));
      telemetry.addMetrics({ CommentsNotWritten: 1 });
    }
  }

  return { tryOnce };
}

/** Who, which file, when. CodeArts Req refuses characters beyond the basic plane in its texts (PM.02101004). */
function commentOn(upload: Upload, { comment }: Catalogue): string {
  const { uploadedBy: by, filename, createdAt } = upload;
  const at = `${createdAt.slice(0, 16).replace('T', ' ')} UTC`;
  const values: Record<string, string | undefined> = { by, filename, at };
  const text = (by === undefined ? comment.ofProducer : comment.ofPerson).replaceAll(
    /\{(\w+)\}/g,
    (_place, name: string) => values[name] ?? '',
  );
  return `<p>${escapeHtml(text.replaceAll(/[\u{10000}-\u{10FFFF}]/gu, '_'))}</p>`;
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
