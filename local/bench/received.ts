/** The attachments of the fake IPD, read through its admin API and compared with the files picked on this page. */
import * as z from 'zod';
import { byId, element, write } from '../../page/src/dom.ts';
import { sizeInWords } from './words.ts';

const attachmentsSchema = z.array(
  z.object({ id: z.string(), filename: z.string(), size: z.number(), sha256: z.string() }),
);
/** The page shows this many of the newest attachments. */
const SHOWN = 20;

/** Fills the panel; compares the digest given to `expect` when its attachment appears. */
export function createReceived({ ipdAdminUrl }: { ipdAdminUrl: string }) {
  const list = byId('received', HTMLUListElement);
  const empty = byId('received-empty', HTMLElement);
  const digests = new Map<string, string>();
  let loads = 0;

  function row({ id, filename, size, sha256 }: z.infer<typeof attachmentsSchema>[number]): HTMLElement {
    const expected = digests.get(id);
    const isEqual = expected === sha256;
    const verdict = isEqual ? 'same bytes as the file you picked' : 'NOT the bytes of the file you picked';
    return element(
      'li',
      { 'data-attachment': id, 'data-sha256': sha256 },
      element('h3', {}, filename),
      element('p', { class: 'facts' }, `${sizeInWords(size)} · attachment ${id}`),
      element('p', { class: 'facts code' }, `sha256 ${sha256}`),
      ...(expected === undefined ? [] : [element('p', { class: isEqual ? 'equal' : 'trouble' }, verdict)]),
    );
  }

  async function load(): Promise<void> {
    loads += 1;
    const number = loads;
    const attachments = await ask().catch(() => undefined);
    // A later call has asked anew.
    if (number !== loads) return;
    list.replaceChildren(...(attachments ?? []).toReversed().slice(0, SHOWN).map(row));
    if (attachments === undefined) write(empty, 'There is no fake IPD to show.');
    else write(empty, attachments.length === 0 ? 'Nothing yet.' : '');
  }

  async function ask(): Promise<z.infer<typeof attachmentsSchema>> {
    return attachmentsSchema.parse(await (await fetch(`${ipdAdminUrl}/attachments`)).json());
  }

  return {
    load,
    /** Compares this attachment from now on. */
    expect(attachmentId: string, sha256: string): void {
      digests.set(attachmentId, sha256);
    },
  };
}

/** The SHA-256 of a file, in hex. */
export async function digestOf(file: Blob): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
