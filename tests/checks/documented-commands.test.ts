import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { COMMON, readOrder, TASKS } from '../../cli/ops/orders.ts';
import { OPTIONS } from '../../cli/ops/terms.ts';
import { commandsOf, sectionsOf, shellBlocksOf } from '../support/markdown.ts';

const ROOT = join(import.meta.dirname, '../..');
const pages = [
  'README.md',
  'README.zh-CN.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
];
const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');
const operations = read('docs/operations.md');

/** Values for the variables in the commands, each in a valid form. */
const variables = {
  STAGE: 'prod',
  SINCE: '3h',
  UPLOAD_ID: '00000000-0000-4000-8000-000000000000',
  REQUEST_ID: 'request-1',
  IPD_REQUEST_ID: 'ipd-1',
  CODE: 'ipd_forbidden',
  REASON: 'the role is back',
  LAST_GOOD: 'v0.1.0',
  PROJECT: 'a'.repeat(32),
  ISSUE: '956239067176935400',
  OWNER: 'user-1',
  CASE: '2026-17',
};

const isOps = (words: string[]): boolean => /^npm run (-s )?ops -- /.test(words.join(' '));
const blocks = pages.flatMap((page) => shellBlocksOf(read(page)).map((code) => ({ page, code })));
const orders = blocks
  .flatMap(({ page, code }) => commandsOf(code, variables).map(({ words }) => ({ page, words })))
  .filter(({ words }) => isOps(words))
  .map(({ page, words }) => ({ page, args: words.slice(words.indexOf('--') + 1) }))
  .map((order) => ({ ...order, line: order.args.join(' ') }));

process.env['UPLOAD_TOKEN'] ??= 'of a user';

describe('a command in the documentation', () => {
  it('is there for each task', () => {
    expect([...new Set(orders.map(({ args: [name = ''] }) => name))].toSorted()).toEqual(
      Object.keys(TASKS).toSorted(),
    );
  });

  it.each(orders)('is one that npm run ops takes: $line', ({ args }) => {
    expect(readOrder(args)).toMatchObject({ values: expect.anything() });
  });

  const inline = pages.flatMap((page) =>
    [...read(page).matchAll(/`[^`\n]*npm run (?:-s )?ops -- ([a-z][^`]*)`/g)].map(([, line = '']) => ({
      page,
      line,
    })),
  );

  it.each(inline)('in a sentence names a task and its options: $line', ({ line }) => {
    const [command = '', ...words] = line.split(/\s+/);
    const options = words.filter((word) => word.startsWith('--')).map((word) => word.slice(2));

    expect(Object.keys(TASKS)).toContain(command);
    for (const option of options) {
      expect(Object.keys(OPTIONS)).toContain(option);
      expect([...COMMON, ...(TASKS[command]?.takes ?? [])]).toContain(option);
    }
  });
});

describe('a runbook', () => {
  const alarms = sectionsOf(operations).filter(({ anchor }) => anchor.startsWith('alarm-'));
  const [setting = ''] = shellBlocksOf(
    sectionsOf(operations).find(({ anchor }) => anchor === 'alarms-and-what-to-do')?.text ?? '',
  );
  const set = new Set([...setting.matchAll(/(?:^|\s)([A-Z_]+)=/g)].map(([, name]) => name));

  it.each(alarms)(
    'has no placeholder but the variables that are set above all of them: $anchor',
    ({ text }) => {
      const code = shellBlocksOf(text);
      const own = code.join('\n').matchAll(/^([A-Z_]+)=\$\(/gm);
      const defined = new Set([...set, ...[...own].map(([, name]) => name)]);

      const used = code.flatMap((one) => commandsOf(one, variables).flatMap(({ names }) => [...names]));
      expect(used.filter((name) => !defined.has(name))).toEqual([]);
      for (const one of code) expect(one).not.toMatch(/…|<[a-z]|\bSTAGE\b(?<!\$STAGE)/);
    },
  );

  it('is made of commands only: no fence without a language', () => {
    for (const { anchor, text } of alarms)
      expect({
        anchor,
        plain: /^```$\n[^]*?^```$/m.test(text.replaceAll(/^```sh\n[^]*?^```$/gm, '')),
      }).toEqual({ anchor, plain: false });
  });
});

describe('a link in the documentation', () => {
  it.each(pages)('leads to a file, and to a heading where it names one: %s', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)];
    const broken = links.filter(([, path = '', anchor = '']) => {
      const target = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
      if (!existsSync(target)) return true;
      return anchor !== '' && !sectionsOf(readFileSync(target, 'utf8')).some((one) => one.anchor === anchor);
    });

    expect(broken.map(([link]) => link)).toEqual([]);
  });
});
