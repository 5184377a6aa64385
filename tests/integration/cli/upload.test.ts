import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../../support/run-command.ts';
import { ATTACHMENT_ID, LINK, problem, useUploadApi } from '../../support/upload-api.ts';

const bytes = Buffer.alloc(200_000, 'attachment');
const sha256 = createHash('sha256').update(bytes).digest('hex');

const api = await useUploadApi();
const linking = await useUploadApi({ maxAttachmentBytes: 100_000 });
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'upload-'));
  path = join(directory, '需求 说明.png');
  await writeFile(path, bytes);
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** No system assigns this port; a port that was just closed may already belong to another program. */
const NO_LISTENER = 'http://127.0.0.1:2';

function upload(...args: string[]) {
  const about = [
    '--api',
    api.url,
    '--project',
    '0123456789abcdef0123456789abcdef',
    '--issue',
    '956239067176935400',
  ];
  return runCommandLine('cli/upload.ts', [...about, ...args], { UPLOAD_TOKEN: 'jwt-from-environment' });
}

/** Without an address: to the stack that has this directory. */
function local() {
  return runCommandLine('cli/upload.ts', [path], { LOCAL_DATA_DIRECTORY: directory, UPLOAD_TOKEN: '' });
}

describe('npm run upload', () => {
  it('uploads each file, declares its hash and type, and prints the attachment id', async () => {
    const { code, stdout } = await upload(path).ended;

    expect({ code, stdout }).toEqual({ code: 0, stdout: [`${path}: attachment ${ATTACHMENT_ID}`] });
    expect(api.hashes()).toEqual([sha256]);
    expect(api.bodies()[0]).toMatchObject({
      filename: '需求 说明.png',
      contentType: 'image/png',
      size: bytes.length,
      sha256,
    });
    expect(api.log[0]?.headers.authorization).toBe('Bearer jwt-from-environment');
  });

  it('shows progress as plain lines beside the results when piped', async () => {
    const { stderr } = await upload(path).ended;

    expect(stderr[0]).toBe('需求 说明.png  200.0 kB');
    expect(stderr).toContain('  to storage  100%  200.0 kB');
    expect(stderr).toContain('  to IPD  50%  100.0 kB');
    expect(stderr.at(-1)).toBe('  to IPD  100%  200.0 kB');
  });

  it('prints nothing but one line of JSON when asked to', async () => {
    const { stdout } = await upload(path, '--json', '--token', 'given', '--content-type', 'image/x-own')
      .ended;

    expect(stdout).toHaveLength(1);
    expect(JSON.parse(stdout[0] ?? '')).toMatchObject({
      uploads: [{ status: 'delivered', contentType: 'image/x-own', sha256 }],
    });
    expect(api.log[0]?.headers.authorization).toBe('Bearer given');
  });

  it('says before it sends a large file that it ends as a link, and then where and until when', async () => {
    const { code, stdout, stderr } = await upload('--api', linking.url, path).ended;

    expect({ code, stdout }).toEqual({ code: 0, stdout: [`${path}: link ${LINK.url} until March 12, 2027`] });
    expect(stderr.slice(0, 3)).toEqual([
      '需求 说明.png  200.0 kB',
      '  cannot be an attachment; the work item gets a link to it',
      '  to storage  0%  0 B',
    ]);
  });

  it('says the same in Chinese', async () => {
    const { stdout, stderr } = await upload('--api', linking.url, '--lang', 'zh-CN', path).ended;

    expect(stdout).toEqual([`${path}：链接 ${LINK.url}，有效期至2027年3月12日`]);
    expect(stderr).toContain('  无法作为附件，将以链接形式添加到工作项');
  });

  it('has the link in its JSON', async () => {
    const { stdout } = await upload('--api', linking.url, '--json', path).ended;

    expect(JSON.parse(stdout[0] ?? '')).toMatchObject({
      uploads: [{ status: 'delivered', attachment: null, link: LINK, alreadyAttached: false }],
    });
  });

  it('says in one line what the API refuses, goes on with the next file, and fails', async () => {
    const errors = [{ pointer: '/issueId', detail: 'needs 18 or 19 digits' }];
    api.fault('POST /uploads', problem(400, 'invalid_request', { errors }));

    const { code, stdout, stderr } = await upload(path, path).ended;

    expect(code).toBe(1);
    expect(stderr).toContain(`${path}: issueId needs 18 or 19 digits (invalid_request)`);
    expect(stdout).toEqual([`${path}: attachment ${ATTACHMENT_ID}`]);
  });

  it('says how large a file is that is too large', async () => {
    const errors = [{ pointer: '/size', detail: 'must be at most 100000' }];
    api.fault('POST /uploads', problem(413, 'file_too_large', { errors }));

    const { stderr } = await upload(path).ended;

    expect(stderr.at(-1)).toBe(
      `${path}: size must be at most 100000 (file_too_large): it has 200.0 kB (200000 B)`,
    );
  });

  it('says in Chinese which rule a field breaks, as far as there are words for it', async () => {
    const errors = [
      { pointer: '/filename', detail: 'must have at most 200 characters' },
      { pointer: '/issueId', detail: 'needs 18 or 19 digits' },
    ];
    api.fault('POST /uploads', problem(400, 'invalid_request', { errors }));
    const most = [{ pointer: '/size', detail: 'must be at most 100000' }];
    api.fault('POST /uploads', problem(413, 'file_too_large', { errors: most, userMessage: '文件过大' }));

    const { stderr } = await upload('--lang', 'zh-CN', path, path).ended;

    expect(stderr).toEqual(
      expect.arrayContaining([
        `${path}：请求参数无效：filename（不能超过200个字符）、issueId（invalid_request）`,
        `${path}：文件过大（file_too_large）：文件大小为200.0 kB（200000 B）`,
      ]),
    );
  });

  it('fails when IPD did not get the file, and says why', async () => {
    const error = { code: 'work_item_full', message: 'The work item is full.', retryable: false, at: '' };
    api.fault('GET /uploads/:id', {
      status: 200,
      body: {
        id: 'x',
        status: 'failed',
        filename: 'a.png',
        staging: {},
        delivery: {},
        attachment: null,
        error,
      },
    });

    const { code, stdout } = await upload(path).ended;

    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: [`${path}: failed: The work item is full. (work_item_full)`],
    });
  });

  it('does not say that all has come to IPD before IPD has said so', async () => {
    const sent = { id: 'x', filename: 'a.png', size: bytes.length, staging: {}, attachment: null };
    const delivery = { attempts: 1, bytesSent: bytes.length };
    const error = { code: 'ipd_refused', message: 'IPD refused the file.', retryable: false, at: '' };
    api.fault(
      'GET /uploads/:id',
      { status: 200, body: { ...sent, status: 'delivering', delivery, error: null } },
      { status: 200, body: { ...sent, status: 'failed', delivery, error } },
    );

    const { stdout, stderr } = await upload(path).ended;

    expect(stdout).toEqual([`${path}: failed: IPD refused the file. (ipd_refused)`]);
    expect(stderr.filter((line) => line.startsWith('  to IPD'))).toEqual(['  to IPD  99%  200.0 kB']);
  });

  it('says that the API does not answer', async () => {
    const { code, stderr } = await upload('--api', NO_LISTENER, '--patience', '0', path).ended;

    expect(code).toBe(1);
    expect(stderr.at(-1)).toContain(`No answer from ${NO_LISTENER}; connect ECONNREFUSED`);
  });

  it.each(['missing.png', '.'])('says that %s is not a file to send', async (name) => {
    const { code, stderr } = await upload(join(directory, name)).ended;

    expect(code).toBe(1);
    expect(stderr[0]).toMatch(/there is no such file|it is not a file/);
    expect(api.log).toEqual([]);
  });

  it('refuses an empty file before it is announced', async () => {
    await writeFile(path, '');

    const { code, stderr } = await upload(path).ended;

    expect({ code, stderr, calls: api.calls() }).toEqual({
      code: 1,
      stderr: [`${path}: it is empty, and IPD takes no empty file (file_empty)`],
      calls: [],
    });
  });

  it('cancels the upload when interrupted', async () => {
    api.fault('PUT /storage', 'hang');

    const running = upload(path);
    await api.arrival('PUT /storage');
    running.kill('SIGINT');
    const { code, stderr } = await running.ended;

    expect(code).toBe(130);
    expect(stderr.at(-1)).toBe(`${path}: interrupted, and the upload was cancelled`);
    expect(api.statuses()).toEqual(['cancelled']);
  });

  it('says so when an interrupted upload can no longer be cancelled', async () => {
    api.fault('PUT /storage', 'hang');
    api.fault('DELETE /uploads/:id', problem(409, 'upload_state_conflict'));

    const running = upload(path);
    await api.arrival('PUT /storage');
    running.kill('SIGTERM');
    const { code, stderr } = await running.ended;

    expect(code).toBe(143);
    expect(stderr.at(-1)).toMatch(/goes on without us/);
  });

  it.each([
    [['--api', 'nonsense', 'a.png'], '--api nonsense is not a URL'],
    [['--token', '', 'a.png'], '--token or UPLOAD_TOKEN is needed'],
    [['--issue', '', 'a.png'], '--project and --issue are needed'],
    [['--patience', 'long', 'a.png'], '--patience long is no whole number'],
    [['--colour'], 'There is no option --colour'],
    [[], 'Name at least one file'],
  ])('answers wrong usage %j with one line and a hint', async (args, message) => {
    const { code, stderr } = await upload(...args).ended;

    expect(code).toBe(2);
    expect(stderr).toHaveLength(2);
    expect(stderr[0]).toContain(message);
    expect(stderr[1]).toBe('Try --help.');
  });

  it('answers in the same way when no stack is running', async () => {
    const { code, stdout, stderr } = await local().ended;

    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: [''],
      stderr: ['No stack is running: run npm start in another terminal first, or give --api', 'Try --help.'],
    });
  });

  it('answers in the same way when the stack that was running is gone', async () => {
    await writeFile(
      join(directory, 'stack.json'),
      JSON.stringify({ apiUrl: NO_LISTENER, tokenUrl: `${NO_LISTENER}/token` }),
    );

    const { code, stderr } = await local().ended;

    expect(code).toBe(2);
    expect(stderr).toHaveLength(2);
    expect(stderr[0]).toContain(`The stack does not answer at ${NO_LISTENER}/token: run npm start`);
  });

  it('explains itself', async () => {
    const { code, stdout } = await upload('--help').ended;

    expect(code).toBe(0);
    expect(stdout[0]).toMatch(/^Usage: npm run upload/);
  });
});
