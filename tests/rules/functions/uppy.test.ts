import { describe, expect, it } from '@jest/globals';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import { createHash } from 'node:crypto';
import { createTestClock } from '../../support/surroundings.ts';
import { routes, uppyPageOf } from '../../support/uppy-page.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';
import { DAY_MS } from '../../../lib/domain/units.ts';

const file = { name: '录屏 终稿.mp4', size: 5, type: 'video/mp4' };
const reference = { uploadId: '6f1c1a53-2a8c-4f0e-9b55-0d6a0c7d3f10', key: 'staging/x' };

const world = await useWorld({
  environment: { IPD_PROJECTS: projectId, MAX_OPEN_UPLOADS: '8', UPLOADS_PER_MINUTE: '10' },
});
const { bear, openSession, requestSession } = uppyPageOf(world);

describe('POST /v1/uppy-sessions', () => {
  it('gives an address for Uppy, and says what it is good for', async () => {
    const { status, body } = await requestSession({ files: [file, { ...file, size: 7 }] });

    expect(status).toBe(201);
    expect(body).toEqual({
      companionEndpoint: expect.stringMatching(/^https:\/\/api\.example\.com\/v1\/uppy\/tk_[\w-]{43}$/),
      expiresInSeconds: 43_200,
      maxFileBytes: 7,
      maxFiles: 2,
    });
  });

  it('is good for a few files of the largest size when it names none', async () => {
    const { status, body } = await requestSession();

    expect(status).toBe(201);
    expect(body).toMatchObject({ maxFileBytes: world.config.maxFileBytes, maxFiles: 20 });
  });

  it.each<[problem: string, body: object, pointers: string[]]>([
    ['a short project id', { projectId: 'short' }, ['/projectId']],
    ['a work item number', { issueId: 17 }, ['/issueId']],
    ['a field too many', { owner: 'user-2' }, ['/owner']],
    ['files that are no list', { files: file }, ['/files']],
    ['an empty list', { files: [] }, ['/files']],
    ['a list of 21', { files: Array.from({ length: 21 }, () => file) }, ['/files']],
    ['a file that is a name', { files: ['a.mp4'] }, ['/files/0']],
    ['a name with a path', { files: [file, { ...file, name: '../a.mp4' }] }, ['/files/1/name']],
    ['an empty name', { files: [{ ...file, name: '' }] }, ['/files/0/name']],
    ['an empty file', { files: [{ ...file, size: 0 }] }, ['/files/0/size']],
    ['a size in words', { files: [{ ...file, size: '5' }] }, ['/files/0/size']],
    ['a type that is a number', { files: [{ ...file, type: 5 }] }, ['/files/0/type']],
    ['a field of a file too many', { files: [{ ...file, path: '/a' }] }, ['/files/0/path']],
    [
      'much at once',
      { issueId: '', files: [{ type: 5 }] },
      ['/files/0/name', '/files/0/size', '/files/0/type', '/issueId'],
    ],
  ])('refuses %s by its place', async (_problem, body, places) => {
    const answer = await requestSession(body);

    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.pointers()).toEqual(places);
  });

  it('names the file that is too large', async () => {
    const size = world.config.maxFileBytes + 1;

    const answer = await requestSession({ files: [file, { ...file, size }] });

    expect(answer).toMatchObject({ status: 413, body: { code: 'file_too_large' } });
    expect(answer.pointers()).toEqual(['/files/1/size']);
  });

  it('opens no project that is not open to the user', async () => {
    const answer = await requestSession({ projectId: 'f'.repeat(32) });

    expect(answer).toMatchObject({ status: 403, body: { code: 'project_forbidden' } });
  });

  it('says before the first byte that the work item does not exist', async () => {
    await world.ipdSettings({ missingIssues: [issueId] });

    const answer = await requestSession();

    expect(answer).toMatchObject({ status: 422, body: { code: 'work_item_missing' } });
  });

  it('refuses more files than a user may ever have unfinished for good', async () => {
    const answer = await requestSession({ files: Array.from({ length: 9 }, () => file) });

    expect(answer).toMatchObject({
      status: 400,
      body: {
        code: 'invalid_request',
        retryable: false,
        errors: [{ pointer: '/files', detail: 'must name at most 8 files' }],
      },
    });
    expect(answer.headers).not.toHaveProperty('retry-after');
  });

  it('refuses more files than may be unfinished beside those that are', async () => {
    const { user, begin } = await openSession();
    await begin();

    const answer = await requestSession({ files: Array.from({ length: 8 }, () => file) }, user);

    expect(answer).toMatchObject({ status: 429, body: { code: 'too_many_open_uploads', retryable: true } });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('keeps of its ticket nothing but a hash', async () => {
    const { ticket } = await openSession();
    const { Items } = await world.documents.send(new ScanCommand({ TableName: world.config.table }));

    const table = JSON.stringify(Items);

    expect(table).toContain(createHash('sha256').update(ticket).digest('hex'));
    expect(table).not.toContain(ticket.slice('tk_'.length));
  });
});

describe('a ticket', () => {
  const { ticket: unknown } = bear('tk_no-call-has-ever-opened-this-session-0000000');

  it.each(Object.keys(routes))('that the product never issued opens nothing: %s', async (name) => {
    const answer = await everyCall(unknown)[name]?.();

    expect(answer).toMatchObject({ status: 401, body: { code: 'ticket_invalid', retryable: false } });
    expect(JSON.stringify(answer)).not.toContain(unknown);
  });

  it.each(Object.keys(routes))('that is over opens nothing: %s', async (name) => {
    const { uppy } = world.build({ clock: createTestClock(Date.now() - DAY_MS) });
    const { ticket } = await uppy.open({ owner: 'user-1', projects: '*' }, { projectId, issueId });

    const answer = await everyCall(ticket)[name]?.();

    expect(answer).toMatchObject({ status: 401, body: { code: 'ticket_invalid' } });
    expect(JSON.stringify(answer)).not.toContain(ticket);
  });

  it('begins each of its files three times, and no more', async () => {
    const { params, create, begin, sign } = await openSession({ files: [file] });
    await begin();
    await params('filename=a.bin');
    const last = await begin();

    const refused = [await params('filename=a.bin'), await create({ filename: 'a.bin', type: '' })];

    for (const answer of refused)
      expect(answer).toMatchObject({ status: 401, body: { code: 'ticket_invalid' } });
    expect(await sign(last, 1)).toMatchObject({ status: 200 });
  });

  it("counts its uploads to the user's", async () => {
    const { form, params } = await openSession();
    for (let count = 0; count < 8; count += 1) await form();

    const answer = await params('filename=a.bin');

    expect(answer).toMatchObject({ status: 429, body: { code: 'too_many_open_uploads', retryable: true } });
    expect(answer.headers['retry-after']).toBe('60');
  });
});

function everyCall(ticket: string): Record<string, () => ReturnType<ReturnType<typeof bear>['list']>> {
  const { params, create, list, abort, sign, complete } = bear(ticket);
  return {
    params: () => params('filename=a.bin'),
    create: () => create({ filename: 'a.bin', type: 'video/mp4' }),
    list: () => list(reference),
    abort: () => abort(reference),
    sign: () => sign(reference, 1),
    complete: () => complete(reference, [{ PartNumber: 1, ETag: 'x' }]),
  };
}
