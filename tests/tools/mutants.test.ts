import { describe, expect, it } from '@jest/globals';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { excluded, unmatched } from '../../tools/mutants/excluded.ts';
import { mutantsOf } from '../../tools/mutants/generate.ts';
import { SOURCES } from '../../tools/mutants/sources.ts';

/** The mutants of the statements of a function: what is changed, and what the function has then. */
function changes(statements: string): [string, string][] {
  const source = (body: string): string => `async function act(a, b, c) {${body}}\n`;
  const [head = '', tail = ''] = source('|').split('|');
  return mutantsOf('lib/act.ts', source(statements)).map(({ id, text }) => [
    id.replace('lib/act.ts act ', ''),
    text.slice(head.length, -tail.length),
  ]);
}

describe('the mutants of a file', () => {
  it('lose each clause of a condition', () => {
    expect(changes('return a && (b || c) && d;')).toEqual([
      ['clause: without a beside &&', 'return (b || c) && d;'],
      ['clause: without (b || c) beside &&', 'return a && d;'],
      ['clause: without b beside ||', 'return a && (c) && d;'],
      ['clause: without c beside ||', 'return a && (b) && d;'],
      ['clause: without d beside &&', 'return a && (b || c);'],
    ]);
    expect(changes('return a ?? b;')).toEqual([
      ['clause: without a beside ??', 'return b;'],
      ['clause: without b beside ??', 'return a;'],
    ]);
  });

  it('lose each guard that ends early, and take any other condition both ways', () => {
    expect(changes('if (a) return; if (b) { c(); throw c; }')).toEqual([
      ['guard: a is false', 'if (false) return; if (b) { c(); throw c; }'],
      ['guard: b is false', 'if (a) return; if (false) { c(); throw c; }'],
    ]);
    expect(changes('if (a) b(); return b ? 1 : 2;')).toEqual([
      ['condition: a is false', 'if (false) b(); return b ? 1 : 2;'],
      ['condition: a is true', 'if (true) b(); return b ? 1 : 2;'],
      ['condition: b is false', 'if (a) b(); return false ? 1 : 2;'],
      ['condition: b is true', 'if (a) b(); return true ? 1 : 2;'],
    ]);
  });

  it('take comparisons away, and shift their boundary', () => {
    expect(changes('return a <= b;')).toEqual([
      ['comparison: a <= b by <', 'return a < b;'],
      ['comparison: a <= b is true', 'return true;'],
      ['comparison: a <= b is false', 'return false;'],
    ]);
    expect(changes('const isOwn = a === b;')).toEqual([
      ['comparison: a === b is true', 'const isOwn = true;'],
      ['comparison: a === b is false', 'const isOwn = false;'],
    ]);
  });

  it('lose what makes a request of storage conditional', () => {
    expect(changes("send({ Key: a, IfMatch: b, 'if-none-match': '*' });")).toEqual([
      ['precondition: without IfMatch: b', "send({ Key: a,  'if-none-match': '*' });"],
      ["precondition: without 'if-none-match': '*'", 'send({ Key: a, IfMatch: b, });'],
    ]);
  });

  it('make a write of the ledger always, and without each alternative, and use every name that it has', () => {
    expect(changes("put(a, { condition: 'attribute_not_exists(pk) OR #version = :seen' });")).toEqual([
      [
        "precondition: 'attribute_not_exists(pk) OR #version = :seen' is always true",
        "put(a, { condition: 'attribute_not_exists(pk) OR #version = :seen OR attribute_not_exists(unwritten)' });",
      ],
      [
        "precondition: 'attribute_not_exists(pk) OR #version = :seen' without attribute_not_exists(pk)",
        "put(a, { condition: '#version = :seen' });",
      ],
      [
        "precondition: 'attribute_not_exists(pk) OR #version = :seen' without #version = :seen",
        "put(a, { condition: '(attribute_not_exists(pk) OR #version = :seen) AND (attribute_not_exists(pk))' });",
      ],
    ]);
    expect(changes("query({ index: 'due', condition: '#shard = :shard' });")).toEqual([]);
  });

  it('leave out each write that is waited for, and change the order of two neighbours where the second needs no result of the first', () => {
    expect(changes('await a.remove(); await b.change();')).toEqual([
      ['order: await b.change(); before await a.remove();', 'await b.change(); await a.remove();'],
      ['write: without await a.remove();', '; await b.change();'],
      ['write: without await b.change();', 'await a.remove(); ;'],
    ]);
    expect(changes('const x = await a.change(); await b.send(x);')).toEqual([
      ['write: without await b.send(x);', 'const x = await a.change(); ;'],
    ]);
    expect(changes('const x = await a.find(); await b.change();').map(([change]) => change)).toEqual([
      'write: without await b.change();',
    ]);
  });

  it('keep their identity when something else in the file changes, and have one each', () => {
    const source = (more: string): string =>
      `${more}export function act(a: string) {\n  if (a) return 1;\n  if (a) return 2;\n}\n`;
    const ids = (text: string): string[] => mutantsOf('lib/act.ts', text).map(({ id }) => id);

    expect(ids(source(''))).toEqual([
      'lib/act.ts act guard: a is false',
      'lib/act.ts act guard: a is false #2',
    ]);
    expect(ids(source('/** ä € 😀 */\nconst other = 1;\n'))).toEqual(ids(source('')));
  });

  it('are none for types', () => {
    expect(
      mutantsOf('lib/act.ts', 'type A = B extends C ? D : E;\nexport const a: A | undefined = 1;\n'),
    ).toEqual([]);
  });
});

describe('the exclusions', () => {
  it('each fit a mutant of the product, and have a proof', async () => {
    const files = globSync(SOURCES);
    const mutants = await Promise.all(
      files.map(async (file) => mutantsOf(file, await readFile(file, 'utf8'))),
    );

    expect(mutants.flat().length).toBeGreaterThan(1000);
    expect(unmatched(mutants.flat(), excluded)).toEqual([]);
    expect(excluded.filter(({ proof }) => !/\w.*\.$/.test(proof))).toEqual([]);
  });

  it('are reported when they fit none', () => {
    const exclusion = { mutant: 'lib/gone.ts act guard: a is false', proof: 'It is gone.' };

    expect(unmatched([{ id: 'lib/here.ts act guard: a is false' }], [exclusion])).toEqual([exclusion]);
  });
});
