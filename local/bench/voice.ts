/** What the bench says: a problem to all who see the page, news to screen readers only. */
import { byId } from '../../page/src/dom.ts';

/** Messages to the user: a problem stays until the user dismisses it, news go only to screen readers. */
export function createVoice() {
  const message = byId('message', HTMLElement);
  const text = byId('message-text', HTMLElement);
  const spoken = byId('spoken', HTMLElement);
  const hush = (): void => {
    text.textContent = '';
    message.hidden = true;
  };
  byId('message-close', HTMLButtonElement).addEventListener('click', hush);
  return {
    hush,
    problem(words: string): void {
      message.hidden = false;
      text.textContent = words;
    },
    news(words: string): void {
      spoken.textContent = words;
    },
  };
}

export type Voice = ReturnType<typeof createVoice>;
