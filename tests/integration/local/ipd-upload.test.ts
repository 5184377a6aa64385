import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  issueId,
  listPath,
  projectId,
  rawForm,
  rawFormType,
  resultOf,
  startClient,
  uploadPath,
  type Client,
} from './ipd-fixture.ts';
import { handled } from '../../support/handled.ts';

const otherIssue = '956239067176935401';
const otherProject = 'f'.repeat(32);

let ipd: Client;

beforeEach(async () => {
  ipd = await startClient();
});

afterEach(() => ipd.close());

function uploadRaw(body: string, contentType = rawFormType): Promise<Response> {
  return ipd.call(uploadPath, { method: 'POST', headers: { 'content-type': contentType }, body });
}

const CONNECTIONS = 20;

/** A program that sends its input to a port of this machine on several connections, and dies once all of it has left. */
const SEND_AND_DIE = `
  const request = require('node:fs').readFileSync(0);
  let left = ${CONNECTIONS};
  const die = () => (left -= 1) || process.kill(process.pid, 'SIGKILL');
  for (let n = left; n > 0; n -= 1)
    require('node:net').connect(Number(process.argv[1]), '127.0.0.1').write(request, die);
`;

function downloadPath(id: string, project = projectId): string {
  return `/v1/ipdprojectservice/projects/${project}/attachments/download/${id}`;
}

describe('an upload', () => {
  it('answers the attachment that the list then shows and the download gives back', async () => {
    const bytes = randomBytes(300_000);

    const response = await ipd.upload({ name: 'photo.PNG', bytes: Uint8Array.from(bytes) });
    const answer = await resultOf(response);
    const [listed] = await ipd.list();
    const download = await ipd.call(downloadPath(String(listed?.['id'])));

    expect(response.status).toBe(200);
    expect(answer).toMatchObject({ status: 'success', message: null });
    expect(answer.result).toEqual([
      expect.objectContaining({
        progress: 100,
        id: expect.stringMatching(/^\d{18,19}$/),
        workitem_id: issueId,
        filesize: 300_000,
        store_filename: 'photo.PNG',
        title: expect.stringMatching(/^[0-9a-f]{32}\.png$/),
      }),
    ]);
    expect(listed).toMatchObject({
      id: answer.result?.[0]?.['id'],
      issue_id: issueId,
      file_size: 300_000,
      file_name: 'photo.PNG',
      attachment_type: 'png',
      created_by: { id: expect.any(String), name: expect.any(String), nick_name: expect.any(String) },
    });
    expect(Buffer.from(await download.arrayBuffer()).equals(bytes)).toBe(true);
    expect(download.headers.get('content-length')).toBe('300000');
  });

  it('keeps an empty file', async () => {
    await ipd.upload({ bytes: '' });

    expect(await ipd.attachments()).toEqual([
      expect.objectContaining({ size: 0, sha256: createHash('sha256').digest('hex') }),
    ]);
  });

  it('gives ids that increase and cannot be distinguished as numbers', async () => {
    await Promise.all(Array.from({ length: 5 }, () => ipd.upload()));

    const ids = (await ipd.list()).map(({ id }) => String(id));
    expect(ids).toEqual([...new Set(ids)].toSorted());
    expect(ids).toHaveLength(5);
    expect(ids.every((id) => BigInt(id) > BigInt(Number.MAX_SAFE_INTEGER))).toBe(true);
  });

  it('tells sizes as strings when that is set', async () => {
    await ipd.admin('PUT', '/settings', { fileSizeAs: 'string' });

    const answer = await resultOf(await ipd.upload());

    expect(answer.result).toMatchObject([{ filesize: '5' }]);
    expect(await ipd.list()).toMatchObject([{ file_size: '5' }]);
  });

  it('answers the example of the API page when that is set, and stores the file', async () => {
    await ipd.admin('PUT', '/settings', { uploadResult: 'null' });

    const response = await ipd.upload();

    expect(await response.json()).toEqual({ status: 'success', message: null, result: null });
    expect(await ipd.list()).toHaveLength(1);
  });

  it.each([
    { sent: 'report "final".txt', raw: 'report %22final%22.txt', filename: 'report "final".txt' },
    { sent: '图片 1+1 100%.png', raw: '图片 1+1 100%.png', filename: '图片 1+1 100%.png' },
    { sent: 'line\nbreak.txt', raw: 'line%0Abreak.txt', filename: 'line\nbreak.txt' },
    { sent: 'dir/😀\\a.txt', raw: 'dir/😀\\a.txt', filename: 'dir/😀\\a.txt' },
  ])('keeps the name $raw as it came', async ({ sent, raw, filename }) => {
    await ipd.upload({ name: sent });

    expect(await ipd.attachments()).toMatchObject([{ rawFilename: raw, filename }]);
  });

  it('reads a part whose type nests as the files within it, as form parsers in use do', async () => {
    const within = (boundary: string, ...parts: string[]): string =>
      `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--`;
    const script = 'Content-Disposition: attachment; filename="../../opt/evil.sh"\r\n\r\n#!/bin/sh';
    const deeper = 'Content-Disposition: attachment; filename="deep.txt"\r\n\r\ndeep';
    const content = within(
      'inner',
      script,
      'Content-Disposition: inline\r\n\r\nno file',
      `Content-Type: multipart/mixed; boundary="in most"\r\n\r\n${within('in most', deeper)}`,
    );
    const body = rawForm({ disposition: 'name="attachment"; filename="a.txt"', content });

    const response = await uploadRaw(body.replace('text/plain', 'Multipart/Mixed; boundary=inner'));

    expect(await ipd.attachments()).toMatchObject([
      { filename: '../../opt/evil.sh', contentType: 'text/plain', size: '#!/bin/sh'.length },
      { filename: 'deep.txt', size: 'deep'.length },
    ]);
    expect((await resultOf(response)).result).toHaveLength(2);
  });

  it('refuses a part that nests and holds no file', async () => {
    const body = rawForm({ disposition: 'name="attachment"; filename="a.txt"', content: 'no parts' });

    const response = await uploadRaw(body.replace('text/plain', 'multipart/mixed; boundary=inner'));

    expect(response.status).toBe(400);
    expect(await ipd.attachments()).toEqual([]);
  });

  it('keeps the part type with its parameters', async () => {
    const body = rawForm({ disposition: 'name="attachment"; filename="a.txt"' });

    await uploadRaw(body.replace('text/plain', 'text/plain; charset=gbk'));

    expect(await ipd.attachments()).toMatchObject([{ contentType: 'text/plain; charset=gbk' }]);
  });

  it.each([
    { what: 'no filename', parts: [{ disposition: 'name="attachment"' }] },
    { what: 'an empty filename', parts: [{ disposition: 'name="attachment"; filename=""' }] },
    { what: 'another field name', parts: [{ disposition: 'name="file"; filename="a.txt"' }] },
    { what: 'no part at all', parts: [] },
    {
      what: 'filename*',
      parts: [{ disposition: `name="attachment"; filename="a.txt"; filename*=UTF-8''a.txt` }],
    },
    {
      what: 'two files',
      parts: [
        { disposition: 'name="attachment"; filename="a.txt"' },
        { disposition: 'name="attachment"; filename="b.txt"' },
      ],
    },
    {
      what: 'a field beside the file',
      parts: [{ disposition: 'name="attachment"; filename="a.txt"' }, { disposition: 'name="comment"' }],
    },
  ])('refuses a form with $what', async ({ parts }) => {
    const response = await uploadRaw(rawForm(...parts));

    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error_code: 'PM.02152001' });
    expect(await ipd.attachments()).toEqual([]);
  });

  it.each([
    { what: 'no form', body: '{}', contentType: 'application/json' },
    { what: 'a form without a boundary', body: 'x', contentType: 'multipart/form-data' },
    {
      what: 'a form without its end',
      body: rawForm({ disposition: 'name="attachment"; filename="a.txt"' }).replace('--limit--', ''),
      contentType: rawFormType,
    },
  ])('refuses $what', async ({ body, contentType }) => {
    const response = await uploadRaw(body, contentType);

    expect(response.status).toBe(400);
    expect(await ipd.attachments()).toEqual([]);
  });

  it('takes a name that only looks like filename*', async () => {
    const response = await uploadRaw(
      rawForm({ disposition: 'name="attachment"; filename="a; filename*=b"' }),
    );

    expect(response.status).toBe(200);
    expect(await ipd.attachments()).toMatchObject([{ filename: 'a; filename*=b' }]);
  });

  it('stores nothing when the request ends early', async () => {
    const body = rawForm({
      disposition: 'name="attachment"; filename="a.txt"',
      content: 'x'.repeat(100_000),
    });
    const socket = connect(ipd.port, '127.0.0.1');
    socket.write(
      `POST ${uploadPath} HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: ${ipd.token()}\r\n` +
        `Content-Type: ${rawFormType}\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.end(body.slice(0, -1));
    await once(socket.resume(), 'close');

    expect(await ipd.attachments()).toEqual([]);
    expect(ipd.requests.at(-1)).toMatchObject({
      operation: 'upload',
      outcome: 'reset',
      status: null,
      complete: false,
      bytes: body.length - 1,
      contentLength: body.length,
    });
  });

  it('stores complete requests whose sender died before they were read', async () => {
    const dataDirectory = await mkdtemp(join(tmpdir(), 'ipd-'));
    const onDisk = await startClient({ dataDirectory });
    const body = rawForm({
      disposition: 'name="attachment"; filename="a.txt"',
      content: 'x'.repeat(190_000),
    });
    const request =
      `POST ${uploadPath} HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: ${onDisk.token()}\r\n` +
      `Content-Type: ${rawFormType}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

    // This process, and IPD with it, stands still until the sender is dead.
    const port = String(onDisk.port);
    const { signal } = spawnSync(process.execPath, ['-e', SEND_AND_DIE, port], { input: request });
    await handled(onDisk);
    const stored = await onDisk.attachments();
    await onDisk.close();
    await rm(dataDirectory, { recursive: true });

    expect(signal).toBe('SIGKILL');
    expect(stored).toHaveLength(CONNECTIONS);
  });

  it('takes a chunked request and records that it was one', async () => {
    const body = new Blob([rawForm({ disposition: 'name="attachment"; filename="a.txt"' })]).stream();
    const init = { method: 'POST', headers: { 'content-type': rawFormType }, body, duplex: 'half' as const };

    const response = await ipd.call(uploadPath, init);

    expect(response.status).toBe(200);
    expect(ipd.requests.at(-1)).toMatchObject({ chunked: true, contentLength: null, complete: true });
  });

  it('keeps bytes on disk when there is a directory, and removes them with everything else', async () => {
    const dataDirectory = await mkdtemp(join(tmpdir(), 'ipd-'));
    const onDisk = await startClient({ dataDirectory });
    await onDisk.upload({ bytes: 'kept on disk' });
    await onDisk.admin('PUT', '/settings', { fullIssues: [issueId] });
    await onDisk.upload({ bytes: 'refused' });
    await onDisk.admin('PUT', '/settings', {});
    const [listed] = await onDisk.list();
    const files = await readdir(join(dataDirectory, 'ipd-attachments'));
    const download = await onDisk.call(downloadPath(String(listed?.['id'])));

    const downloaded = await download.text();
    await onDisk.admin('DELETE', '');
    const filesLeft = await readdir(join(dataDirectory, 'ipd-attachments'));
    await onDisk.close();
    await rm(dataDirectory, { recursive: true });

    expect(files).toHaveLength(1);
    expect(downloaded).toBe('kept on disk');
    expect(filesLeft).toEqual([]);
  });
});

describe('limits and places', () => {
  it.each([
    { what: 'a body too large', settings: { maxBodyBytes: 10 }, status: 413, text: 'APIGW.0201' },
    { what: 'a file too large', settings: { maxFileBytes: 4 }, status: 200, text: '"status":"error"' },
    { what: 'a full work item', settings: { fullIssues: [issueId] }, status: 200, text: '"status":"error"' },
    { what: 'another project', settings: { projects: [otherProject] }, status: 400, text: 'PM.02152005' },
    { what: 'a missing work item', settings: { missingIssues: [issueId] }, status: 400, text: 'PM.02175104' },
    {
      what: 'a forbidden work item',
      settings: { forbiddenIssues: [issueId] },
      status: 400,
      text: 'PM.02174103',
    },
    { what: 'an emoji', settings: { rejectEmoji: true }, status: 400, text: 'PM.02101004' },
  ])('refuse $what', async ({ settings, status, text }) => {
    await ipd.admin('PUT', '/settings', settings);

    const response = await ipd.upload({ name: '😀.txt' });

    expect(response.status).toBe(status);
    expect(await response.text()).toContain(text);
    expect(await ipd.attachments()).toEqual([]);
  });

  it('refuse a chunked body by the bytes that arrived', async () => {
    await ipd.admin('PUT', '/settings', { maxBodyBytes: 10 });
    const body = new Blob([rawForm({ disposition: 'name="attachment"; filename="a.txt"' })]).stream();
    const init = { method: 'POST', headers: { 'content-type': rawFormType }, body, duplex: 'half' as const };

    const response = await ipd.call(uploadPath, init);

    expect(response.status).toBe(413);
    expect(await ipd.attachments()).toEqual([]);
  });

  it('refuse one attachment more than the limit of a work item', async () => {
    await ipd.admin('PUT', '/settings', { maxAttachmentsPerIssue: 1 });

    const first = await resultOf(await ipd.upload());
    const second = await resultOf(await ipd.upload());

    expect([first.status, second.status]).toEqual(['success', 'error']);
  });

  it.each([
    { rate: {}, status: 429, retryAfter: null, text: 'APIGW.0308' },
    { rate: { retryAfterSeconds: 3 }, status: 429, retryAfter: '3', text: 'APIGW.0308' },
    { rate: { answer: 'service' }, status: 400, retryAfter: null, text: 'PM.02153001' },
  ])('throttle with $status and Retry-After $retryAfter', async ({ rate, status, retryAfter, text }) => {
    let now = Date.now();
    const limited = await startClient({ clock: () => now });
    await limited.admin('PUT', '/settings', { rateLimit: { uploadsPerSecond: 2, ...rate } });

    const accepted = [await limited.upload(), await limited.upload()];
    const refused = await limited.upload();
    const refusedText = await refused.text();
    now += 1000;
    const later = await limited.upload();
    await limited.close();

    expect([...accepted, later].map((response) => response.status)).toEqual([200, 200, 200]);
    expect(refused.status).toBe(status);
    expect(refused.headers.get('retry-after')).toBe(retryAfter);
    expect(refusedText).toContain(text);
  });

  it('takes one more as soon as the bucket holds one again', async () => {
    let now = Date.now();
    const limited = await startClient({ clock: () => now });
    await limited.admin('PUT', '/settings', { rateLimit: { uploadsPerSecond: 2, counts: 'bucket' } });

    const first = [await limited.upload(), await limited.upload(), await limited.upload()];
    now += 500;
    const later = [await limited.upload(), await limited.upload()];
    await limited.close();

    expect(first.map((response) => response.status)).toEqual([200, 200, 429]);
    expect(later.map((response) => response.status)).toEqual([200, 429]);
  });
});

describe('the list', () => {
  it('shows the attachments of its own work item only', async () => {
    await ipd.upload();

    expect(await ipd.list(listPath.replace(issueId, otherIssue))).toEqual([]);
    expect(await ipd.list(listPath.replace(projectId, otherProject))).toEqual([]);
    expect(await ipd.list()).toHaveLength(1);
  });

  it('needs a work item', async () => {
    const response = await ipd.call(listPath.split('?')[0] ?? '');

    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error_code: 'PM.02152001' });
  });

  it('refuses the project id of the API page, which has 33 characters', async () => {
    const response = await ipd.call(listPath.replace(projectId, 'gdbdf969b32694524a949b5ef6b3e124a'));

    expect(response.status).toBe(400);
  });

  it('ends at 100 elements, the oldest first', async () => {
    for (let number = 1; number <= 101; number += 1) await ipd.upload({ name: `${number}.txt` });

    const names = (await ipd.list()).map((element) => element['file_name']);

    expect(names).toHaveLength(100);
    expect([names[0], names[99]]).toEqual(['1.txt', '100.txt']);
    expect(await ipd.attachments()).toHaveLength(101);
  });

  it('is full for a work item that is set full', async () => {
    await ipd.upload();
    await ipd.admin('PUT', '/settings', { fullIssues: [issueId] });

    const elements = await ipd.list();

    expect(elements).toHaveLength(100);
    expect(elements.filter((element) => element['file_name'] === 'hello.txt')).toHaveLength(1);
  });
});

describe('a download', () => {
  it('refuses an id of another project or of nothing', async () => {
    await ipd.upload();
    const [listed] = await ipd.list();

    const elsewhere = await ipd.call(downloadPath(String(listed?.['id']), otherProject));
    const nothing = await ipd.call(downloadPath(issueId));

    expect([elsewhere.status, nothing.status]).toEqual([400, 400]);
    expect(await nothing.json()).toMatchObject({ error_code: 'PM.02174103' });
  });
});

describe('other routes', () => {
  it.each([
    { method: 'GET', path: '/v1/unknown' },
    { method: 'DELETE', path: uploadPath },
    { method: 'PUT', path: listPath },
  ])('answer 404 to $method $path', async ({ method, path }) => {
    const response = await ipd.call(path, { method });

    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error_code: 'APIGW.0101' });
  });
});

describe('the admin interface', () => {
  it('records requests with what was read of them', async () => {
    await ipd.upload();

    expect(await ipd.admin('GET', '/requests')).toMatchObject([
      { operation: 'token', status: 201, auth: 'none' },
      {
        method: 'POST',
        path: uploadPath,
        operation: 'upload',
        issueId,
        auth: 'token',
        outcome: 'answered',
        status: 200,
        complete: true,
        chunked: false,
        bytes: ipd.requests[1]?.contentLength,
        remotePort: expect.any(Number),
      },
    ]);
  });

  it('says what is wrong with settings and keeps the old ones', async () => {
    const answer = await ipd.admin('PUT', '/settings', { listDelaySeconds: -1, unknown: true });

    expect(answer).toEqual({
      message: expect.stringMatching(/unknown[^]*listDelaySeconds|listDelaySeconds[^]*unknown/),
    });
    expect(await ipd.admin('GET', '/settings')).toMatchObject({ listDelaySeconds: 0 });
  });

  it('deletes one attachment, as a person would', async () => {
    await ipd.upload({ name: 'kept.txt' });
    await ipd.upload({ name: 'deleted.txt' });
    const [kept, deleted] = await ipd.list();

    const gone = await ipd.admin('DELETE', `/attachments/${String(deleted?.['id'])}`);
    const again = await ipd.admin('DELETE', `/attachments/${String(deleted?.['id'])}`);

    expect(gone).toBeUndefined();
    expect(again).toEqual({ message: `there is no attachment ${String(deleted?.['id'])}` });
    expect(await ipd.list()).toEqual([kept]);
  });

  it('empties everything', async () => {
    await ipd.admin('PUT', '/settings', { fileSizeAs: 'string' });
    await ipd.admin('PUT', '/faults', [{ fault: { kind: 'badGateway' } }]);
    await ipd.upload();

    await ipd.admin('DELETE', '');

    expect((await ipd.call(listPath)).status).toBe(401);
    await ipd.renewToken();
    expect(await ipd.list()).toEqual([]);
    expect(await ipd.admin('GET', '/faults')).toEqual([]);
    expect(await ipd.admin('GET', '/settings')).toMatchObject({ fileSizeAs: 'number' });
    expect(ipd.requests.map(({ operation }) => operation)).toEqual(['list', 'token', 'list']);
  });
});
