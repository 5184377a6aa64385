import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommandLine } from '../../support/run-command.ts';
import { ATTACHMENT_ID, useUploadApi } from '../../support/upload-api.ts';

const bytes = Buffer.alloc(200_000, 'attachment');
const PARTS = [1, 2, 3, 4, 5].map((number) => `PUT /parts/${number}`);

const api = await useUploadApi({ threshold: 100_000, partSize: 40_000 });
let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'resume-'));
  path = join(directory, '需求 说明.mp4');
  await writeFile(path, bytes);
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function upload(...args: string[]) {
  const workItem = ['--project', '0123456789abcdef0123456789abcdef', '--issue', '956239067176935400'];
  return runCommandLine('cli/upload.ts', ['--api', api.url, '--token', 'jwt', ...workItem, path, ...args]);
}

/** Runs the command until storage has three of five parts. */
async function uploadToSixtyPercent(...args: string[]) {
  api.fault('PUT /parts/4', 'hang');
  api.fault('PUT /parts/5', 'hang');
  const running = upload(...args);
  await Promise.all([api.stored(3), api.arrival('PUT /parts/4'), api.arrival('PUT /parts/5')]);
  return running;
}

describe('npm run upload after a run that died', () => {
  it('goes on where it was killed and sends no stored part again', async () => {
    const killed = await uploadToSixtyPercent();
    killed.kill('SIGKILL');
    await killed.ended;
    // What a copy or a restored backup changes says nothing of the content.
    await utimes(path, 1_000, 1_000);

    const { code, stdout, stderr } = await upload().ended;

    expect({ code, stdout }).toEqual({ code: 0, stdout: [`${path}: attachment ${ATTACHMENT_ID}`] });
    expect(stderr.slice(0, 3)).toEqual([
      '需求 说明.mp4  200.0 kB',
      '  resumes at 60%',
      '  to storage  60%  120.0 kB',
    ]);
    expect(
      api.log
        .filter(({ call, status }) => call.startsWith('PUT') && status === 200)
        .map(({ call }) => call)
        .toSorted(),
    ).toEqual(PARTS);
    expect(api.hashes()).toEqual([createHash('sha256').update(bytes).digest('hex')]);
  });

  it('says that the same command goes on when the network is gone in the middle', async () => {
    api.fault('POST /uploads/:id/complete', 'reset');

    const { code, stderr } = await upload('--patience', '0').ended;

    expect(code).toBe(1);
    expect(stderr.at(-1)).toMatch(/^.*: No answer from .*; the same command goes on where this one stopped$/);
    expect((await upload().ended).code).toBe(0);
    expect(api.statuses()).toEqual(['delivered']);
  });

  it('cancels the upload when it is interrupted, and begins anew after that', async () => {
    const interrupted = await uploadToSixtyPercent();
    interrupted.kill('SIGINT');
    const { code, stderr } = await interrupted.ended;

    const second = await upload().ended;

    expect(code).toBe(130);
    expect(stderr.at(-1)).toBe(`${path}: interrupted, and the upload was cancelled`);
    expect(second.code).toBe(0);
    expect(second.stderr).not.toContain('  resumes at 60%');
    expect(api.statuses()).toEqual(['cancelled', 'delivered']);
  });
});

describe('npm run upload of a file that is attached already', () => {
  it('says so, sends nothing, and ends with 0', async () => {
    await upload().ended;
    const before = api.calls().filter((call) => call.startsWith('PUT')).length;

    const { code, stdout, stderr } = await upload().ended;

    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stderr: ['需求 说明.mp4  200.0 kB'],
      stdout: [`${path}: was attached already: attachment ${ATTACHMENT_ID}; --again attaches it once more`],
    });
    expect(api.calls().filter((call) => call.startsWith('PUT'))).toHaveLength(before);
  });

  it('says that IPD has it no more', async () => {
    const { stdout } = await upload('--json').ended;
    const [delivered] = JSON.parse(stdout[0] ?? '').uploads;
    api.fault('POST /uploads', {
      status: 200,
      body: { ...delivered, replayed: true, attachmentGone: true },
    });

    expect((await upload().ended).stdout).toEqual([
      `${path}: was attached already: attachment ${ATTACHMENT_ID}, which IPD has no more; --again attaches it once more`,
    ]);
  });

  it('attaches it once more with --again', async () => {
    await upload().ended;

    const { code, stdout } = await upload('--again').ended;

    expect({ code, stdout }).toEqual({ code: 0, stdout: [`${path}: attachment ${ATTACHMENT_ID}`] });
    expect(api.statuses()).toEqual(['delivered', 'delivered']);
  });

  it('goes on with that second one when it was killed on the way, and attaches a third one after it', async () => {
    await upload().ended;
    const killed = await uploadToSixtyPercent('--again');
    killed.kill('SIGKILL');
    await killed.ended;

    const { code, stderr } = await upload('--again').ended;

    expect(code).toBe(0);
    expect(stderr).toContain('  resumes at 60%');
    expect(api.statuses()).toEqual(['delivered', 'delivered']);

    await upload('--again').ended;

    expect(api.statuses()).toEqual(['delivered', 'delivered', 'delivered']);
  });

  it('tells programs so', async () => {
    const first = await upload('--json').ended;
    const second = await upload('--json').ended;

    expect(JSON.parse(first.stdout[0] ?? '')).toMatchObject({ uploads: [{ alreadyAttached: false }] });
    expect(JSON.parse(second.stdout[0] ?? '')).toMatchObject({ uploads: [{ alreadyAttached: true }] });
  });
});
