/** What tests read in the documentation: sections by their anchors, and the commands that readers paste. */

export type Section = { anchor: string; text: string };

/** Each heading with what follows it up to the next one, by the anchor that a link to it has. */
export function sectionsOf(markdown: string): Section[] {
  const sections: Section[] = [];
  let isCode = false;
  for (const line of markdown.split('\n')) {
    if (/^ *```/.test(line)) isCode = !isCode;
    const heading = isCode ? undefined : /^#+ (.+)/.exec(line)?.[1];
    const section = sections.at(-1);
    if (heading !== undefined) sections.push({ anchor: anchorOf(heading), text: '' });
    else if (section !== undefined) section.text += `${line}\n`;
  }
  return sections;
}

/** As GitHub makes it: small letters, dashes for spaces, no punctuation. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** The code of fences that say that it is for a shell. */
export function shellBlocksOf(markdown: string): string[] {
  return [...markdown.matchAll(/^( *)```sh\n([^]*?)^\1```$/gm)].map(([, , code = '']) => code);
}

type Words = { words: string[]; names: Set<string> };

/**
 * The commands of shell code, each as its words, with variables in place, and the names of those. Knows quotes, joined lines,
 * comments, `&&`, `;`, pipes and redirections: what is behind a redirection is left out.
 */
export function commandsOf(code: string, variables: Record<string, string>): Words[] {
  const commands: Words[] = [];
  let current: Words = { words: [], names: new Set() };
  let word: string | undefined;
  let isTarget = false;
  const endWord = (): void => {
    if (word !== undefined && !isTarget) current.words.push(word);
    if (word !== undefined) isTarget = false;
    word = undefined;
  };
  const endCommand = (): void => {
    endWord();
    if (current.words.length > 0) commands.push(current);
    current = { words: [], names: new Set() };
    isTarget = false;
  };
  const token =
    /\\\n|'([^']*)'|"((?:\\[^]|[^"\\])*)"|\$\{?(\w+)\}?|#[^\n]*|&&|[;|\n]|[<>]|[ \t]+|\\([^])|([^])/g;
  for (const match of code.matchAll(token)) {
    const [all, single, double, name, escaped, other] = match;
    const isBetween = word === undefined;
    if (all === '\\\n' || /^[ \t]+$/.test(all)) endWord();
    else if (all.startsWith('#') && isBetween) continue;
    else if (all === '&&' || all === ';' || all === '|' || all === '\n') endCommand();
    else if (all === '<' || all === '>') {
      endWord();
      isTarget = true;
    } else if (name !== undefined) word = `${word ?? ''}${valueOf(name, current)}`;
    else if (single !== undefined) word = `${word ?? ''}${single}`;
    else if (double !== undefined) {
      const filled = double
        .replaceAll(/(?<!\\)\$\{?(\w+)\}?/g, (_match, inner: string) => valueOf(inner, current))
        .replaceAll(/\\([^])/g, '$1');
      word = `${word ?? ''}${filled}`;
    } else word = `${word ?? ''}${escaped ?? other ?? all}`;
  }
  endCommand();
  return commands;

  function valueOf(name: string, { names }: Words): string {
    names.add(name);
    return variables[name] ?? '';
  }
}
