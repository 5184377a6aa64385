import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['functions', 'lib', 'deploy', 'local', 'packages', 'page', 'cli'];

/** What must be refused: where the import stands, and of what. */
const planted = [
  { what: 'a function that imports an adapter', from: 'functions/sweep.ts', to: 'lib/ledger/table.ts' },
  { what: 'a function that imports a use case', from: 'functions/sweep.ts', to: 'lib/delivery/sweep.ts' },
  { what: 'an adapter that imports another', from: 'lib/storage/multipart.ts', to: 'lib/messaging/queue.ts' },
  { what: 'the door to IPD that imports storage', from: 'lib/ipd/form.ts', to: 'lib/storage/s3.ts' },
  { what: 'an adapter that imports a use case', from: 'lib/messaging/queue.ts', to: 'lib/uploads/create.ts' },
  { what: 'a use case that imports http', from: 'lib/uploads/attach.ts', to: 'lib/http/gateway.ts' },
  {
    what: 'a use case of the API that imports one of the queue',
    from: 'lib/uploads/attach.ts',
    to: 'lib/delivery/outcome.ts',
  },
  {
    what: 'http that imports more than types of a use case',
    from: 'lib/http/resource.ts',
    to: 'lib/uploads/manage.ts',
  },
  { what: 'a use case that imports the SDK', from: 'lib/delivery/outcome.ts', to: '@aws-sdk/client-s3' },
  { what: 'a domain that imports an adapter', from: 'lib/domain/parts.ts', to: 'lib/ledger/table.ts' },
  { what: 'a domain that imports the SDK', from: 'lib/domain/parts.ts', to: '@aws-sdk/client-dynamodb' },
  { what: "a domain that imports Node's I/O", from: 'lib/domain/parts.ts', to: 'node:fs' },
  { what: 'a domain that imports another language', from: 'lib/domain/parts.ts', to: 'lib/texts/zh-cn.ts' },
  { what: 'texts that import more than types', from: 'lib/texts/en.ts', to: 'lib/domain/parts.ts' },
  { what: 'texts that import an adapter', from: 'lib/texts/en.ts', to: 'lib/ledger/table.ts' },
  { what: 'a runtime that imports a use case', from: 'lib/runtime/clock.ts', to: 'lib/uploads/create.ts' },
  { what: 'a stack that imports the product', from: 'local/listen.ts', to: 'lib/domain/parts.ts' },
  {
    what: 'a client that imports anything else',
    from: 'packages/client/src/put.ts',
    to: 'lib/domain/parts.ts',
  },
  {
    what: 'a plugin that imports the product',
    from: 'packages/uppy/src/places.ts',
    to: 'lib/domain/parts.ts',
  },
  { what: 'a folder that no rule knows', from: 'lib/tomorrow/new.ts', to: 'lib/domain/parts.ts' },
];

const report = z.object({
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), to: z.string(), rule: z.object({ name: z.string() }) })),
  }),
});

describe('the rule of layers', () => {
  let directory: string;
  let refused: string[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'layers-'));
    const parts = [...FOLDERS, 'package.json', '.dependency-cruiser.json'];
    await Promise.all(parts.map((part) => cp(join(ROOT, part), join(directory, part), { recursive: true })));
    await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    for (const [index, { from, to }] of planted.entries()) {
      const target = to.endsWith('.ts') ? `${'../'.repeat(from.split('/').length - 1)}${to}` : to;
      await mkdir(join(directory, dirname(from)), { recursive: true });
      await appendFile(join(directory, from), `\nimport * as planted${index} from '${target}';\n`);
    }
    const program = join(ROOT, 'tools/node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
    const stdout = await new Promise<string>((resolve) => {
      const args = [program, '--output-type', 'json', ...FOLDERS];
      // It ends with the number of what it refuses.
      execFile(process.execPath, args, { cwd: directory, maxBuffer: 2 ** 26 }, (_error, out) => resolve(out));
    });
    const { violations } = report.parse(JSON.parse(stdout)).summary;
    // Some of them close circles as well.
    const layers = violations.filter(({ rule }) => rule.name === 'not-in-allowed');
    refused = layers.map(({ from, to }) => `${from} → ${to}`);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.each(planted)('refuses $what', ({ from, to }) => {
    expect(
      refused.some((line) => line.startsWith(`${from} → `) && line.includes(to.replace('node:', ''))),
    ).toBe(true);
  });

  it('refuses nothing else', () => {
    expect(refused).toHaveLength(planted.length);
  });
});
