/** One upload in the list. It is updated in place, so that a button keeps its focus while figures change. */
import type { Upload } from './api.ts';
import { element, write } from '../../page/src/dom.ts';
import {
  factsInWords,
  isCancellable,
  isFinal,
  isRemovable,
  isRetryable,
  linkInWords,
  sizeInWords,
  statusInWords,
  troubleInWords,
} from './words.ts';

export type UploadRow = ReturnType<typeof createUploadRow>;

/** Builds the row; calls `act` with the action that the user chooses. */
export function createUploadRow(first: Upload, act: (wish: 'cancel' | 'retry', upload: Upload) => void) {
  let upload = first;
  const status = element('span', { class: 'chip' });
  const facts = element('p', { class: 'facts' });
  const trouble = element('p', { class: 'trouble' });
  const attachment = element('p', { class: 'facts code' });
  const link = element('a', { target: '_blank', rel: 'noreferrer' });
  const linked = element('p', { class: 'facts code' }, link);
  const storage = createLeg('Storage', first.filename);
  const ipd = createLeg('IPD', first.filename);
  const cancel = element('button', { type: 'button', 'aria-label': `Cancel ${first.filename}` }, 'Cancel');
  const retry = element(
    'button',
    { type: 'button', 'aria-label': `Try ${first.filename} again` },
    'Try again',
  );
  cancel.addEventListener('click', () => act('cancel', upload));
  retry.addEventListener('click', () => act('retry', upload));
  const legs = element('div', { class: 'legs' }, storage.node, ipd.node);
  const node = element(
    'li',
    { class: 'upload', 'data-id': first.id },
    element('div', { class: 'upload-head' }, element('h3', {}, first.filename), status),
    facts,
    legs,
    trouble,
    attachment,
    linked,
    element('div', { class: 'actions' }, retry, cancel),
  );

  function show(next: Upload): void {
    upload = next;
    const { size, attachment: arrived } = next;
    node.dataset['status'] = next.status;
    write(status, statusInWords(next));
    write(facts, factsInWords(next));
    write(trouble, troubleInWords(next));
    write(attachment, arrived === null ? '' : `attachment ${arrived.id ?? 'without an id'}`);
    linked.hidden = next.link === null;
    link.href = next.link?.url ?? '';
    write(link, next.link === null ? '' : linkInWords(next.link));
    legs.hidden = isFinal(next);
    storage.show(next.staging.bytesStored, size);
    ipd.show(next.delivery.bytesSent, size);
    const cancelWord = isRemovable(next) ? 'Remove' : 'Cancel';
    write(cancel, cancelWord);
    cancel.setAttribute('aria-label', `${cancelWord} ${next.filename}`);
    cancel.hidden = !isCancellable(next) && !isRemovable(next);
    retry.hidden = !isRetryable(next);
  }
  show(first);

  return { node, show, upload: () => upload };
}

function createLeg(name: string, filename: string) {
  const bar = element('progress', { 'aria-label': `${filename}: ${name}`, max: '100' });
  const figure = element('span', { class: 'figure' });
  return {
    node: element('div', { class: 'leg' }, element('span', {}, name), bar, figure),
    /** Without a size there is no progress bar. */
    show(bytes: number, size: number | null): void {
      if (size === null && bytes > 0) bar.removeAttribute('value');
      else bar.value = size === null || size === 0 ? 0 : Math.min(100, Math.floor((bytes / size) * 100));
      write(figure, size === null && bytes > 0 ? sizeInWords(bytes) : `${bar.value} %`);
    },
  };
}
