/** One file in the list. It is updated in place, so that a button keeps its focus while figures change. */
import { button, element, write } from './dom.ts';
import { shareInWords } from './format.ts';
import { fill, texts } from './texts.ts';
import type { Action, Tone, View } from './transfer.ts';

export type Row = ReturnType<typeof createRow>;

type RowOptions = {
  onAction: (action: Exclude<Action, 'pick'>) => void;
  onPick: (file: File) => void;
};

const ACTIONS = ['pick', 'retry', 'again', 'cancel', 'withdraw', 'remove'] as const;

/** Drawn on a field of 24 by 24. */
const SHAPES: Record<Tone, string> = {
  active: 'M12 19V6M6 11.5 12 5.5l6 6',
  paused: 'M9 6v12M15 6v12',
  done: 'M5 12.5 10 17.5 19 7.5',
  failed: 'M12 5.5v8M12 18v.1',
  quiet: 'M6 12h12',
};

/** Builds the row of a file. */
export function createRow({ onAction, onPick }: RowOptions) {
  const shape = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  const icon = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  icon.setAttribute('viewBox', '0 0 24 24');
  icon.setAttribute('aria-hidden', 'true');
  icon.append(shape);
  const name = element('h3', { class: 'name' });
  const state = element('p', { class: 'state' });
  const share = element('span', { class: 'share', 'aria-hidden': 'true' });
  const bar = element('progress', { max: '1' });
  const note = element('p', { class: 'note' });
  const input = element('input', { type: 'file', hidden: '', tabindex: '-1' });
  input.addEventListener('change', () => {
    const [file] = input.files ?? [];
    input.value = '';
    if (file !== undefined) onPick(file);
  });
  const buttons = ACTIONS.map((action) => {
    const act = (): void => (action === 'pick' ? input.click() : onAction(action));
    return { action, node: button(texts.action[action], { class: `button ${action}` }, act) };
  });
  // Storage does not learn the page's address, which names the work item.
  const open = element('a', { class: 'button', target: '_blank', rel: 'noreferrer' }, texts.action.open);
  const actions = element('div', { class: 'actions' }, open, ...buttons.map(({ node }) => node));
  const node = element(
    'li',
    { class: 'file', tabindex: '-1' },
    element('div', { class: 'badge' }, icon),
    element('div', { class: 'about' }, name, element('div', { class: 'line' }, state, share), bar, note),
    actions,
    input,
  );

  return {
    node,
    show(filename: string, view: View): void {
      node.dataset['tone'] = view.tone;
      shape.setAttribute('d', SHAPES[view.tone]);
      write(name, filename);
      write(state, view.state);
      write(note, view.note);
      const inWords = view.share === undefined ? '' : shareInWords(view.share);
      write(share, inWords);
      bar.hidden = view.share === undefined;
      bar.value = view.share ?? 0;
      bar.setAttribute('aria-label', filename);
      const focused = [open, ...buttons.map(({ node: one }) => one)].find(
        (one) => one === document.activeElement,
      );
      showLink(filename, view.url);
      for (const { action, node: one } of buttons) {
        one.hidden = !view.actions.includes(action);
        one.setAttribute(
          'aria-label',
          fill(texts.action.of, { action: texts.action[action], name: filename }),
        );
      }
      actions.hidden = view.actions.length === 0;
      // The pressed button is gone: the focus stays with its file.
      if (focused?.hidden === true) node.focus();
    },
  };

  function showLink(filename: string, url: string | undefined): void {
    open.hidden = url === undefined;
    if (url === undefined) return open.removeAttribute('href');
    open.href = url;
    const label = fill(texts.action.of, { action: texts.action.open, name: filename });
    open.setAttribute('aria-label', `${label} ${texts.workItem.openHint}`);
  }
}
