/** Helpers that read and change the document. */

/** The element of that id; throws when the document has none of that kind. */
export function byId<T extends Element>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

/** A new element with attributes and content. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...content: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

/** Writes a text, and hides the element when there is none. */
export function write(target: HTMLElement, text: string): void {
  // An equal text is not set again: a screen reader would read it again.
  if (target.textContent !== text) target.textContent = text;
  target.hidden = text === '';
}

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
