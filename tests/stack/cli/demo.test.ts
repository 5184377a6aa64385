import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommandLine } from '../../support/run-command.ts';
import { useDirectory } from '../../support/use-directory.ts';

const directory = await useDirectory();
const temporary = join(directory, 'temporary');
await mkdir(temporary);

function demo(args: string[], environment: Record<string, string> = {}) {
  return runCommandLine('cli/demo.ts', args, { TMPDIR: temporary, ...environment });
}

const CHINESE = { LC_ALL: '', LC_MESSAGES: '', LANG: 'zh_CN.UTF-8' };

describe('npm run demo', () => {
  it('uploads the sample through the whole stack and reports what IPD holds in the last line', async () => {
    const sample = await readFile('cli/samples/需求说明.txt');
    const sha256 = createHash('sha256').update(sample).digest('hex');

    const { code, stdout, stderr } = await demo(['--json']).ended;

    const { uploads } = JSON.parse(stdout.at(-1) ?? '');
    expect(uploads).toEqual([
      {
        id: expect.any(String),
        status: 'delivered',
        attachmentId: expect.stringMatching(/^\d{18,19}$/),
        link: null,
        size: sample.length,
        sha256,
        ipdSha256: sha256,
        ipdName: '需求说明.txt',
        stagedMs: expect.any(Number),
        deliveredMs: expect.any(Number),
      },
    ]);
    expect(uploads[0].stagedMs).toBeLessThanOrEqual(uploads[0].deliveredMs);
    expect(code).toBe(0);
    expect(stdout).toHaveLength(1);
    expect(stderr).toContain('  name in IPD 需求说明.txt');
    expect(stderr).toContain('  to IPD  100%  1.7 kB');
    expect(await readdir(temporary)).toEqual([]);
  });

  it('follows the link of a file that is larger than IPD takes, and compares what it leads to', async () => {
    const path = join(directory, 'film.mp4');
    const bytes = Buffer.alloc(300_000, 'film');
    await writeFile(path, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const linking = { OVERSIZE: 'link', MAX_FILE_BYTES: '200000' };

    const { code, stdout } = await demo(['--json', path], linking).ended;

    expect(code).toBe(0);
    expect(JSON.parse(stdout[0] ?? '').uploads).toMatchObject([
      {
        status: 'delivered',
        attachmentId: null,
        link: {
          id: expect.any(String),
          url: expect.stringContaining('/v1/files/'),
          expiresAt: expect.any(String),
        },
        sha256,
        ipdSha256: sha256,
        ipdName: expect.stringContaining('film.mp4'),
      },
    ]);
  });

  it('says in one line what went wrong, keeps the form of its last line, and fails', async () => {
    const { code, stdout, stderr } = await demo(['--json', join(directory, 'missing.png')]).ended;

    expect({ code, stdout }).toEqual({ code: 1, stdout: ['{"uploads":[]}'] });
    expect(stderr).toEqual([
      expect.stringMatching(/^The demo failed: .*missing\.png: there is no such file \(file_missing\)$/),
    ]);
    expect(await readdir(temporary)).toEqual([]);
  });

  it('stops the stack and leaves nothing behind when interrupted', async () => {
    const path = join(directory, 'large.bin');
    await writeFile(path, Buffer.alloc(20_000_000, 1));

    const running = demo([path, '--json']);
    await running.firstError();
    running.kill('SIGINT');
    const { code, stdout } = await running.ended;

    expect({ code, stdout }).toEqual({ code: 130, stdout: ['{"uploads":[]}'] });
    expect(await readdir(temporary)).toEqual([]);
  });

  it('speaks Chinese to a Chinese locale, in every line', async () => {
    const { code, stdout, stderr } = await demo([], CHINESE).ended;

    expect(code).toBe(0);
    expect(stdout).toEqual([
      expect.stringMatching(/^ {2}结果 {6}附件ID \d{18,19}$/),
      '  IPD文件名 需求说明.txt',
      expect.stringMatching(/^ {2}SHA-256 {3}一致（[0-9a-f]{64}）$/),
    ]);
    expect(stderr[0]).toBe('需求说明.txt  1.7 kB');
    expect(stderr.slice(1)).toEqual(
      stderr.slice(1).filter((line) => /^ {2}(上传|传给IPD) {2}\d+% /.test(line)),
    );
    expect(stderr).toContain('  传给IPD  100%  1.7 kB');
  });

  it('says in Chinese what went wrong, also in place of a wrong option', async () => {
    const missing = await demo(['--lang', 'zh-CN', join(directory, 'missing.png')]).ended;
    const [option, language] = await Promise.all([
      demo(['--color'], CHINESE).ended,
      demo(['--lang', 'fr']).ended,
    ]);

    expect(missing.stderr).toEqual([
      expect.stringMatching(/^演示失败：.*missing\.png：文件不存在（file_missing）$/),
    ]);
    expect(option.stderr).toEqual(['没有选项--color', '使用--help查看帮助。']);
    expect(language).toMatchObject({ code: 2, stderr: ['--lang fr: there are en, zh-CN', 'Try --help.'] });
  });

  it('explains itself', async () => {
    const { code, stdout } = await demo(['--help']).ended;

    expect(code).toBe(0);
    expect(stdout[0]).toMatch(/^Usage: npm run demo/);
  });
});
