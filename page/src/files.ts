/** The files of one work item: the picker, which is first, and the list. */
import type { Client, Limits } from '../../packages/client/src/client.ts';
import { byId, element, write } from './dom.ts';
import { followDrops } from './drop.ts';
import { sizeInWords } from './format.ts';
import { createRow } from './row.ts';
import type { Row } from './row.ts';
import { fill, texts, wordsFor } from './texts.ts';
import { viewOf } from './transfer.ts';
import type { Tone, Transfer } from './transfer.ts';
import { createTransfers } from './transfers.ts';
import { confirmWithdrawal } from './withdrawal.ts';
import { ipdAddress, nameOf } from './work-item.ts';
import type { WorkItem } from './work-item.ts';
import { UploadError } from '../../packages/client/src/client.ts';

type FilesOptions = {
  client: Client;
  workItem: WorkItem;
  ipdUrl: string | undefined;
  speak: (text: string) => void;
};

const ENDED = new Set<Tone | undefined>(['done', 'failed']);

/** Shows the picker and the list, and starts with what was begun earlier. */
export function showFiles({ client, workItem, ipdUrl, speak }: FilesOptions): void {
  /** New rows come before this one; null is the end of the list. */
  let before: Element | null = null;
  const rows = new Map<Transfer, { row: Row; tone: Tone | undefined }>();
  let isRead = false;
  const list = element('ul', { class: 'files' });
  const empty = element('p', { class: 'empty', hidden: '' }, texts.list.empty);
  const unread = element('p', { class: 'trouble', role: 'alert', hidden: '' });
  const heading = element('h2', { id: 'list-heading', tabindex: '-1' }, texts.list.heading);
  const picker = createPicker({ workItem, ipdUrl, onFiles: add });
  const transfers = createTransfers({ client, workItem, onChange, onRemove });

  /** Files that were picked together stay in their order, above the earlier ones. */
  function add(files: File[]): void {
    before = list.firstElementChild;
    for (const file of files) transfers.add(file);
    before = null;
  }

  function onChange(transfer: Transfer, place: 'first' | 'last'): void {
    const shown = rows.get(transfer) ?? open(transfer, place);
    const view = viewOf(transfer, Date.now());
    shown.row.show(transfer.name, view);
    const isNews = shown.tone === undefined ? place === 'first' : !ENDED.has(shown.tone);
    if (isNews && ENDED.has(view.tone)) {
      const { name } = transfer;
      const words = view.tone === 'done' && view.note === '' ? texts.spoken.attached : texts.spoken.ended;
      speak(fill(words, { name, state: view.state, note: view.note }));
    }
    shown.tone = view.tone;
  }

  function open(transfer: Transfer, place: 'first' | 'last') {
    const row = createRow({
      onAction: (action) => {
        if (action === 'withdraw') void withdraw(transfer);
        else transfers.act(transfer, action);
      },
      onPick: (file) => transfers.pick(transfer, file),
    });
    if (place === 'first') list.insertBefore(row.node, before);
    else list.append(row.node);
    const entry: { row: Row; tone: Tone | undefined } = { row, tone: undefined };
    rows.set(transfer, entry);
    showWhetherEmpty();
    return entry;
  }

  async function load(): Promise<void> {
    try {
      await transfers.load();
      isRead = true;
      showWhetherEmpty();
    } catch (error) {
      const reason =
        error instanceof UploadError
          ? wordsFor(error.code, error.userMessage ?? error.detail)
          : String(error);
      write(unread, fill(texts.list.unread, { reason }));
    }
  }

  /** What is not read yet, or cannot be, is not called empty. */
  function showWhetherEmpty(): void {
    empty.hidden = !isRead || rows.size > 0;
  }

  async function withdraw(transfer: Transfer): Promise<void> {
    if (await confirmWithdrawal(transfer.name)) transfers.act(transfer, 'withdraw');
  }

  function onRemove(transfer: Transfer): void {
    const node = rows.get(transfer)?.row.node;
    const isFocused = node?.contains(document.activeElement) === true;
    const next = node?.nextElementSibling ?? node?.previousElementSibling;
    node?.remove();
    rows.delete(transfer);
    showWhetherEmpty();
    if (isFocused) (next instanceof HTMLElement ? next : heading).focus();
  }

  byId('content', HTMLElement).replaceChildren(
    picker.node,
    element('section', { class: 'list', 'aria-labelledby': 'list-heading' }, heading, unread, empty, list),
  );
  followDrops({ zone: picker.node, onFiles: add, onFolder: () => picker.explain(texts.picker.folder) });
  window.addEventListener('beforeunload', (event) => {
    if (transfers.needPage()) event.preventDefault();
  });
  transfers.readLimits().then(
    (limits) => picker.showLimits(limits),
    () => undefined,
  );
  void load();
}

type PickerOptions = { workItem: WorkItem; ipdUrl: string | undefined; onFiles: (files: File[]) => void };

function createPicker({ workItem, ipdUrl, onFiles }: PickerOptions) {
  const input = element('input', { id: 'files', class: 'unseen', type: 'file', multiple: '' });
  const limit = element('span', { hidden: '' });
  const trouble = element('p', { class: 'trouble', role: 'alert', hidden: '' });
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    // The same file may be picked again.
    input.value = '';
    write(trouble, '');
    onFiles(files);
  });
  const link =
    ipdUrl === undefined
      ? []
      : [
          element(
            'a',
            { href: ipdAddress(ipdUrl, workItem), target: '_blank', rel: 'noopener' },
            texts.workItem.open,
            element('span', { class: 'unseen' }, ` ${texts.workItem.openHint}`),
          ),
        ];
  const node = element(
    'section',
    { class: 'picker', 'aria-label': texts.picker.heading },
    input,
    element('label', { for: 'files', class: 'button primary' }, texts.picker.action),
    element('p', { class: 'hint' }, element('span', { class: 'drop' }, texts.picker.drop), limit),
    element('p', { class: 'drop-now', 'aria-hidden': 'true' }, texts.picker.dropNow),
    trouble,
    element(
      'p',
      { class: 'target' },
      element('span', {}, nameOf(workItem)),
      ...link,
      element('a', { href: './' }, texts.workItem.change),
    ),
  );
  return {
    node,
    explain: (text: string) => write(trouble, text),
    showLimits({ maxFileBytes, maxAttachmentBytes, oversize }: Limits): void {
      const words = oversize === 'link' ? texts.picker.largestLinked : texts.picker.largest;
      const [size, most] = [sizeInWords(maxFileBytes), sizeInWords(maxAttachmentBytes)];
      write(limit, fill(words, { size, most }));
    },
  };
}
