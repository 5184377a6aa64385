import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toEnvFile } from '../../../local/settings.ts';
import { runCommandLine } from '../../support/run-command.ts';
import { useDirectory } from '../../support/use-directory.ts';
import { useProduct } from '../../support/use-product.ts';
import { issueId, projectId } from '../../support/world.ts';

const OPEN = projectId;
const product = await useProduct({ environment: { INGEST_PROJECTS: OPEN } });
const directory = await useDirectory();

// As npm start writes it down.
await writeFile(join(directory, 'keys.env'), toEnvFile(product.operatorEnvironment));
await writeFile(join(directory, 'settings.json'), JSON.stringify(product.settings));

const NAME = '测试 报告+100%25 #1.txt';
let files: string;

beforeEach(async () => {
  files = await mkdtemp(join(tmpdir(), 'drop-'));
});

afterEach(async () => {
  await rm(files, { recursive: true });
});

async function file(content: string, name = NAME): Promise<string> {
  const path = join(files, name);
  await writeFile(path, content);
  return path;
}

function drop(...args: string[]) {
  return runCommandLine('cli/drop.ts', args, { LOCAL_DATA_DIRECTORY: directory }).ended;
}

describe('npm run drop', () => {
  it('puts a file, follows it, and prints the attachment id', async () => {
    const path = await file('dropped');

    const { code, stdout, stderr } = await drop('--project', projectId, '--issue', issueId, path);

    const [attachment] = await product.received();
    expect({ code, stdout }).toEqual({ code: 0, stdout: [`${path}: attachment ${attachment?.id}`] });
    expect(attachment).toMatchObject({
      filename: NAME,
      sha256: createHash('sha256').update('dropped').digest('hex'),
    });
    expect(stderr.slice(0, 2)).toEqual([`${NAME}  7 B`, '  to storage  0%  0 B']);
    expect(stderr).toContain('  to storage  100%  7 B');
    expect(stderr.at(-1)).toBe('  to IPD  100%  7 B');
  });

  it('tells a program the upload, its source, and that the same bytes were attached before', async () => {
    const path = await file('for a program');

    const first = await drop('--json', '--uploaded-by', '王小明', path);
    const second = await drop('--json', path);
    const third = await drop(path);

    const [upload] = JSON.parse(first.stdout[0] ?? '').uploads;
    const [again] = JSON.parse(second.stdout[0] ?? '').uploads;
    expect(upload).toMatchObject({
      status: 'delivered',
      filename: NAME,
      sha256: createHash('sha256').update('for a program').digest('hex'),
      source: { kind: 'drop', key: `ingest/${projectId}/${issueId}/${NAME}` },
      alreadyAttached: false,
    });
    expect(again).toMatchObject({ id: upload.id, alreadyAttached: true, attachment: upload.attachment });
    expect(third).toMatchObject({
      code: 0,
      stdout: [`${path}: attached before as ${upload.attachment.id}`],
    });
    expect(await product.received()).toHaveLength(1);
    expect((await product.ledger.find(upload.id))?.uploadedBy).toBe('王小明');
  });

  it('fails with the reason, and tries the file anew when it is put again', async () => {
    const path = await file('refused first');
    await product.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);

    const refused = await drop(path);
    await product.faults([]);
    const taken = await drop(path);

    expect(refused.code).toBe(1);
    expect(refused.stdout).toEqual([expect.stringMatching(/: failed: .* \(ipd_forbidden\)$/)]);
    expect(taken.code).toBe(0);
    expect(await product.received()).toHaveLength(1);
  });

  it('says what is wrong with a file, and goes on with the next one', async () => {
    const [good, empty, path] = [
      await file('good'),
      await file('', 'empty.txt'),
      await file('x', 'a\\b.txt'),
    ];

    const { code, stdout, stderr } = await drop(join(files, 'missing.png'), files, empty, path, good);

    expect(code).toBe(1);
    expect(stderr).toEqual(
      expect.arrayContaining([
        `${join(files, 'missing.png')}: there is no such file (file_missing)`,
        `${files}: it is not a file (file_unreadable)`,
        `${empty}: it is empty, and IPD takes no empty file (file_empty)`,
        `${path}: its name must be a bare name without a path (ingest_malformed)`,
      ]),
    );
    expect(stdout).toEqual([expect.stringContaining(`${good}: attachment `)]);
  });

  it.each([
    [['--project', 'short', 'a'], "--project must be the project's 32 letters and digits"],
    [['--issue', '17', 'a'], "--issue must be the work item's id of 18 or 19 digits"],
    [['--project', 'f'.repeat(32), 'a'], `Project ${'f'.repeat(32)} is not open for ingestion`],
    [['--stage', 'prod', 'a'], '--project and --issue are needed with --stage'],
    [['--colour'], 'There is no option --colour'],
    [[], 'Name at least one file'],
  ])('answers wrong usage %j with one line and a hint', async (args, message) => {
    const { code, stderr } = await drop(...args);

    expect(code).toBe(2);
    expect(stderr[0]).toContain(message);
    expect(stderr[1]).toBe('Try --help.');
  });

  it('answers in the same way when no stack is running', async () => {
    const { code, stderr } = await runCommandLine('cli/drop.ts', ['a'], { LOCAL_DATA_DIRECTORY: files })
      .ended;

    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: ['No stack is running: run npm start in another terminal first', 'Try --help.'],
    });
  });

  it('explains itself', async () => {
    const { code, stdout } = await drop('--help');

    expect(code).toBe(0);
    expect(stdout[0]).toMatch(/^Usage: npm run drop/);
  });
});
