/** What an attacker would send, or a broken client: values at and beyond every edge, and ways to spoil a good one. */
import * as fc from 'fast-check';

/** Would end a header, a quoted parameter or a path where it is not escaped. */
const INJECTIONS = [
  'a\r\nx-injected: yes',
  'a\nx-injected: yes',
  'a\r\n\r\n--boundary',
  '%0D%0Ax-injected:%20yes',
  'a"; filename="b',
  "a'; filename*=UTF-8''b",
  'image/png\r\nx-injected: yes',
  'a\u2028x-injected: yes\u2029',
  '\u560d\u560ax-injected: yes',
  'a\u0000b',
  '../../etc/passwd',
  '..%2f..%2f',
  '${jndi:ldap://example.com}',
  '\ud83d',
  '\udc00\ud800',
  '\u202egnp.exe',
  '\ufeff',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '[a b]',
  '*',
  '',
  ' ',
];
const NUMBERS = [
  0,
  -1,
  1,
  0.5,
  5e-324,
  1e308,
  2 ** 31,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 53),
  1e21,
  52_428_800,
  52_428_801,
];
/** Lengths about the limits of names, types, keys, headers and pages. */
const LENGTHS = [127, 128, 199, 200, 201, 255, 256, 257, 1023, 1024, 1025, 2048, 2049, 8192, 70_000];
/** Nothing longer reaches a function: Lambda takes 6 MB with the event around it. */
const HUGE = [500_000, 1_000_000, 4_000_000];

const unit = fc.constantFrom(
  'a',
  '0',
  '/',
  '%',
  '"',
  '\\',
  '名',
  '\u0001',
  '😀',
  '\r\n',
  'a/b;c=d',
  '[',
  '{"a":',
);

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...INJECTIONS) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }) },
  { weight: 1, arbitrary: repeated(fc.constantFrom(...LENGTHS)) },
);

/** A text as long as fits into an event. */
export const hugeText: fc.Arbitrary<string> = repeated(fc.constantFrom(...HUGE));

export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  { weight: 3, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(null, true, false, [], {}, [[]], [null], { a: 1 }) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);

/** JSON with as many members or elements, or as deep, as fits into an event. */
export const hugeJson: fc.Arbitrary<string> = fc
  .record({
    count: fc.constantFrom(1000, 20_000, 300_000),
    shape: fc.constantFrom('keys', 'parts', 'files', 'numbers', 'deep', 'twice'),
  })
  .map(({ count, shape }) => {
    switch (shape) {
      case 'keys':
        return `{${Array.from({ length: count }, (_, at) => `"${at}":0`).join(',')}}`;
      case 'parts':
      case 'files':
        return `{"${shape}":[${'{},'.repeat(count)}{}]}`;
      case 'numbers':
        return `{"parts":[${Array.from({ length: count }, () => '{"PartNumber":1,"ETag":"a"}').join(',')}]}`;
      case 'deep':
        return '[{"a":'.repeat(count / 100) + '0' + '}]'.repeat(count / 100);
      default:
        return `{${'"size":1,'.repeat(count)}"size":1}`;
    }
  });

type Spoiling = {
  at: number;
  by: { kind: 'put'; value: unknown } | { kind: 'drop' } | { kind: 'add'; name: string; value: unknown };
};

const spoiling: fc.Arbitrary<Spoiling> = fc.record({
  at: fc.nat(40),
  by: fc.oneof(
    fc.record({ kind: fc.constant('put' as const), value: hostileValue }),
    fc.record({ kind: fc.constant('drop' as const) }),
    fc.record({ kind: fc.constant('add' as const), name: hostileText, value: hostileValue }),
  ),
});

/** A value of this kind with something changed, dropped or added in some place. */
export function spoilt(good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .record({ value: good, changes: fc.array(spoiling, { minLength: 1, maxLength: 3 }) })
    .map(({ value, changes }) =>
      changes.reduce((whole, change) => spoil(whole, change), structuredClone(value)),
    );
}

/** A text with some of its characters replaced, cut off, or doubled. */
export function spoiltText(good: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .record({
      text: good,
      from: fc.nat(1000),
      length: fc.nat(20),
      by: fc.oneof(fc.constant(''), hostileText),
      isCut: fc.boolean(),
    })
    .map(({ text, from, length, by, isCut }) => {
      const at = from % (text.length + 1);
      return text.slice(0, at) + by + (isCut ? '' : text.slice(at + length));
    });
}

function spoil(whole: unknown, { at, by }: Spoiling): unknown {
  const places = placesIn(whole);
  const place = places[at % (places.length + 1)];
  if (place === undefined) return by.kind === 'put' ? structuredClone(by.value) : whole;
  const { holder, name } = place;
  if (by.kind === 'put') define(holder, name, by.value);
  else if (by.kind === 'drop') Reflect.deleteProperty(holder, name);
  else define(holder, Array.isArray(holder) ? String(holder.length) : by.name, by.value);
  return whole;
}

/** `__proto__` is a member like any other, as JSON.parse makes it. A copy, since the next change may be within it. */
function define(holder: object, name: string, value: unknown): void {
  Object.defineProperty(holder, name, {
    value: structuredClone(value),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function placesIn(value: unknown): { holder: object; name: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [{ holder: value, name }, ...placesIn(member)]);
}

function repeated(lengths: fc.Arbitrary<number>): fc.Arbitrary<string> {
  return fc
    .record({ unit, length: lengths })
    .map(({ unit: part, length }) => part.repeat(Math.ceil(length / part.length)).slice(0, length));
}

/** Nine of ten times the first. */
export function mostly<A, B>(good: fc.Arbitrary<A>, bad: fc.Arbitrary<B>): fc.Arbitrary<A | B> {
  return fc.oneof({ weight: 9, arbitrary: good }, { weight: 1, arbitrary: bad });
}
