import { describe, expect, it } from '@jest/globals';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { excluded, unmatched } from '../../tools/mutants/excluded.ts';
import { mutantsOf } from '../../tools/mutants/generate.ts';
import { createImports } from '../../tools/mutants/imports.ts';
import { isNear, rankOf, SOURCES } from '../../tools/mutants/sources.ts';

const VALUES = new Set(['off-by-one', 'constant', 'swap', 'fallback', 'slice', 'await', 'spread']);

/** The mutants of the statements of a function: what is changed, and what the function has then. */
function changes(statements: string, isWanted = (kind: string) => !VALUES.has(kind)): [string, string][] {
  const source = (body: string): string => `async function act(a, b, c) {${body}}\n`;
  const [head = '', tail = ''] = source('|').split('|');
  return mutantsOf('lib/act.ts', source(statements))
    .filter(({ kind }) => isWanted(kind))
    .map(({ id, text }) => [id.replace('lib/act.ts act ', ''), text.slice(head.length, -tail.length)]);
}

/** What the statements become by mutants of this kind. */
function spoilt(kind: string, statements: string): string[] {
  return changes(statements, (one) => one === kind).map(([, text]) => text);
}

/** What a file becomes by mutants of this kind. */
function spoiltFile(kind: string, text: string): string[] {
  return mutantsOf('lib/act.ts', text)
    .filter((mutant) => mutant.kind === kind)
    .map((mutant) => mutant.text);
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
      `${more}export function act(a: string) {\n  if (a) return b;\n  if (a) return c;\n}\n`;
    const ids = (text: string): string[] => mutantsOf('lib/act.ts', text).map(({ id }) => id);

    expect(ids(source(''))).toEqual([
      'lib/act.ts act guard: a is false',
      'lib/act.ts act guard: a is false #2',
    ]);
    expect(ids(source('/** ä € 😀 */\nconst other = act;\n'))).toEqual(ids(source('')));
  });

  it('are none for types', () => {
    expect(
      mutantsOf('lib/act.ts', 'type A = B extends C ? D : E;\nexport const a: A | undefined = b;\n'),
    ).toEqual([]);
  });
});

describe('the mutants of values', () => {
  it('have one more or one less where something is counted, cut or numbered', () => {
    expect(spoilt('off-by-one', 'return a + 1;')).toEqual(['return a + 2;', 'return a + 0;']);
    expect(spoilt('off-by-one', 'return a[0];')).toEqual(['return a[1];']);
    expect(spoilt('off-by-one', 'let a = 0; a += 1;')).toEqual(['let a = 1; a += 1;', 'let a = 0; a += 2;']);
    expect(spoilt('off-by-one', 'return a.at(2);')).toEqual(['return a.at(3);', 'return a.at(1);']);
    expect(spoilt('off-by-one', 'return a({ size: b.length });')).toEqual([
      'return a({ size: (b.length + 1) });',
    ]);
  });

  it('shift a bound into the direction that a comparison at its boundary leaves out', () => {
    expect(spoilt('off-by-one', 'return a > 5;')).toEqual(['return a > 6;']);
    expect(spoilt('off-by-one', 'return a >= 5;')).toEqual(['return a >= 4;']);
    expect(spoilt('off-by-one', 'return a.length <= b;')).toEqual(['return (a.length - 1) <= b;']);
    expect(spoilt('off-by-one', 'return a < b.length;')).toEqual(['return a < (b.length - 1);']);
    expect(spoilt('off-by-one', 'return a === 5;')).toEqual([]);
  });

  it('have other constants', () => {
    expect(spoiltFile('constant', 'const A = 5 * MINUTE_MS;\n')).toEqual([
      'const A = (5 * MINUTE_MS) * 2;\n',
    ]);
    expect(spoiltFile('constant', 'const A = [1, 5].map(b);\n')).toEqual([
      'const A = [2, 5].map(b);\n',
      'const A = [1, 10].map(b);\n',
    ]);
    expect(spoilt('constant', 'return a / 60;')).toEqual(['return a / 120;']);
    expect(spoilt('constant', 'return { count: 0 };')).toEqual(['return { count: 1 };']);
    expect(spoilt('constant', 'const a = b - MINUTE_MS;')).toEqual([]);
    expect(spoilt('constant', "return ['a', 'b'].includes(a);")).toEqual([
      "return [ 'b'].includes(a);",
      "return ['a', ].includes(a);",
    ]);
  });

  it('lose a case, and a clause that no value meets', () => {
    expect(spoilt('constant', "switch (a) { case 'b': return c; }")).toEqual([
      'switch (a) { case NaN: return c; }',
    ]);
    expect(spoilt('constant', "return a && b === 'c';")).toEqual(['return a && b === NaN;']);
    expect(spoilt('constant', "if (b === 'c') return;")).toEqual([]);
  });

  it('have neighbours in each other’s place', () => {
    expect(spoilt('swap', 'a(b, c.d, 1);')).toEqual(['a(c.d, b, 1);']);
    expect(spoilt('swap', 'return { a, b: c };')).toEqual(['return { a: c, b: a };']);
    expect(spoilt('swap', 'Math.max(a, b);')).toEqual([]);
    expect(spoilt('swap', 'a(b, b);')).toEqual([]);
  });

  it('fall back the other way round', () => {
    expect(spoilt('fallback', 'return a ?? b;')).toEqual(['return b ?? a;']);
    expect(spoilt('fallback', 'return a ?? b ?? c;')).toEqual(['return b ?? a ?? c;', 'return a ?? c ?? b;']);
    expect(spoilt('fallback', "return a ?? '';")).toEqual([]);
  });

  it('are cut elsewhere, or not at all', () => {
    expect(spoilt('slice', 'return a.slice(0, b);')).toEqual([
      'return a;',
      'return a.slice(0 + 1, b);',
      'return a.slice(0, b + 1);',
      'return a.slice(0, b - 1);',
    ]);
  });

  it('are not waited for', () => {
    expect(spoilt('await', 'await a(); const d = await b(); return await c;')).toEqual([
      'a(); const d = await b(); return await c;',
      'await a(); const d = b(); return await c;',
      'await a(); const d = await b(); return c;',
    ]);
    expect(spoilt('await', 'for await (const d of a) b(d);')).toEqual(['for (const d of a) b(d);']);
    expect(spoilt('await', 'if ((await a()) > 1) b();')).toEqual([]);
  });

  it('lose members that are spread, and those whose name is made at run time', () => {
    expect(spoilt('spread', 'return { ...a, b };')).toEqual(['return {  b };']);
    expect(spoilt('spread', 'return [...a, b];')).toEqual(['return [ b];']);
    expect(spoilt('spread', 'a(b, ...c);')).toEqual(['a(b, );']);
    expect(spoilt('spread', 'return { [a]: b, c };')).toEqual(['return {  c };']);
  });

  it('are none of what is said to people', () => {
    const texts =
      "throw new Error(a.slice(1)); telemetry.info('a', { b, c }); return { detail: a.slice(1) };";

    expect(changes(texts, (kind) => VALUES.has(kind))).toEqual([]);
  });
});

describe('the tests of a file', () => {
  it.each([
    ['tests/unit/domain/rate.test.ts', 'lib/delivery/sweep.ts', 0],
    ['tests/rules/delivery/sweep-slots.test.ts', 'lib/delivery/sweep.ts', 1],
    ['tests/integration/delivery/sweep.test.ts', 'lib/delivery/sweep.ts', 2],
    ['tests/integration/functions/uploads-list.test.ts', 'functions/uploads.ts', 2],
    ['tests/stack/deploy/settings.test.ts', 'deploy/settings.ts', 2],
    ['tests/stack/uppy/plugin.test.ts', 'packages/uppy/src/transfer.ts', 2],
  ])('%s belongs to %s', (test, file, rank) => {
    expect([isNear(test, file), rankOf(test)]).toEqual([true, rank]);
  });

  it.each([
    ['tests/rules/delivery/sweeper.test.ts', 'lib/delivery/sweep.ts'],
    ['tests/integration/uploads/uppy.test.ts', 'packages/uppy/src/transfer.ts'],
    ['tests/integration/uploads/uppy.test.ts', 'functions/uppy.ts'],
  ])('%s does not belong to %s', (test, file) => {
    expect(isNear(test, file)).toBe(false);
  });

  it('that load nothing of the files in question are not measured', () => {
    const { mayLoad } = createImports(process.cwd());
    const test = 'tests/unit/domain/rate.test.ts';

    expect(mayLoad(test, new Set(['lib/domain/rate.ts']))).toBe(true);
    expect(mayLoad(test, new Set(['lib/domain/link.ts']))).toBe(false);
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
