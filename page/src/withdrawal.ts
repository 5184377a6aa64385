/** Asks a person before a linked file is removed, since that cannot be undone. */
import { button, element } from './dom.ts';
import { fill, texts } from './texts.ts';

/** Resolves with the answer; Escape keeps the file. The browser then gives the focus back to where it was. */
export function confirmWithdrawal(name: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const { withdrawal: words } = texts;
  const dialog = element(
    'dialog',
    { class: 'card', 'aria-labelledby': 'withdrawal-heading', 'aria-describedby': 'withdrawal-lead' },
    element('h2', { id: 'withdrawal-heading' }, fill(words.heading, { name })),
    element('p', { id: 'withdrawal-lead', class: 'lead' }, words.lead),
    element(
      'div',
      { class: 'choice' },
      button(words.keep, { class: 'button', autofocus: '' }, () => dialog.close()),
      button(words.confirm, { class: 'button danger' }, () => dialog.close(CONFIRMED)),
    ),
  );
  dialog.addEventListener('close', () => {
    dialog.remove();
    resolve(dialog.returnValue === CONFIRMED);
  });
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

const CONFIRMED = 'confirmed';
