/** Compares a language's texts with the English ones: what is missing, what is superfluous, what is not translated. */

type Texts = { readonly [name: string]: string | Texts };

const CHINESE = /\p{Script=Han}/u;
/** Between Chinese characters, punctuation has their width. */
const HALF_WIDTH = /\p{Script=Han}[,;:!?()]|[,;:!?()]\p{Script=Han}/u;
const PLACES = /\{\w+\}/g;

/** Every text by its path, such as `problems.not_found.title`. */
export function textsByPath(texts: Texts, above = ''): Map<string, string> {
  return new Map(
    Object.entries(texts).flatMap(([name, text]): [string, string][] =>
      typeof text === 'string' ? [[above + name, text]] : [...textsByPath(text, `${above}${name}.`)],
    ),
  );
}

/** What is wrong with these Chinese texts, one line a fault. `untranslated`: the paths of what both languages share. */
export function translationFaults(english: Texts, chinese: Texts, untranslated: string[] = []): string[] {
  const [given, translated] = [textsByPath(english), textsByPath(chinese)];
  return [
    ...[...translated.keys()].filter((path) => !given.has(path)).map((path) => `${path} is superfluous`),
    ...[...given].flatMap(([path, text]) => {
      const own = translated.get(path);
      if (own === undefined) return [`${path} is missing`];
      if (untranslated.includes(path)) return [];
      // Nothing but values and punctuation needs no Chinese character.
      const needsWords = /\p{L}/u.test(text.replaceAll(PLACES, ''));
      if (own === text || (needsWords && !CHINESE.test(own))) return [`${path} is not translated: ${own}`];
      if (HALF_WIDTH.test(own)) return [`${path} has punctuation of half width: ${own}`];
      return placesIn(own) === placesIn(text) ? [] : [`${path} has places for other values: ${own}`];
    }),
  ];
}

function placesIn(text: string): string {
  return [...new Set(text.match(PLACES))].toSorted().join(' ');
}
