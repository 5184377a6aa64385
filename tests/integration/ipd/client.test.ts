import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../../lib/runtime/clock.ts';
import { createIpdClient } from '../../../lib/ipd/client.ts';
import type { IpdOptions, UploadRequest } from '../../../lib/ipd/client.ts';
import { frameOverhead } from '../../../lib/ipd/form.ts';
import { send } from '../../../lib/ipd/wire.ts';
import { credentials, issueId, projectId, startClient } from '../local/ipd-fixture.ts';
import type { Client } from '../local/ipd-fixture.ts';
import { eventually } from '../../support/eventually.ts';
import { sourceOf } from '../../support/sources.ts';

const { accessKey, secretKey, domain, username, password } = credentials;
const key = { accessKey, secretKey };
const user = { domain, username, password };
const item = { projectId, issueId };
const portOf = (server: Server): number => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};
const soon = () => AbortSignal.timeout(300_000);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('the IPD client', () => {
  let ipd: Client;
  beforeAll(async () => {
    ipd = await startClient();
    await ipd.admin('DELETE', '');
  });
  afterEach(() => ipd.admin('DELETE', ''));
  afterAll(() => ipd.close());

  function connect(options: Partial<IpdOptions> = {}) {
    const region = 'cn-north-4';
    const place = { endpoint: ipd.url, iamEndpoint: ipd.url, region };
    const who = { auth: 'auto', credentials: { accessKey: key, user } } as const;
    return createIpdClient({ ...place, ...who, send, clock: systemClock, ...options });
  }

  function fileOf(bytes: Uint8Array, other: Partial<UploadRequest> = {}): UploadRequest {
    const part = { ...item, filename: 'report.pdf', contentType: 'application/pdf', size: bytes.length };
    return { ...part, file: sourceOf([bytes]), fence: async () => undefined, signal: soon(), ...other };
  }

  const faults = (...rules: unknown[]) => ipd.admin('PUT', '/faults', rules);
  const always = (operation: string, fault: unknown) => faults({ match: { operation }, fault });
  const requests = (operation: string) => ipd.requests.filter((request) => request.operation === operation);

  /** The only upload in the log, once the server has done with it. */
  async function theUpload() {
    await eventually(() => requests('upload').some(({ outcome }) => outcome !== 'pending'));
    return requests('upload');
  }

  describe.each([
    { auth: 'aksk', credentials: { accessKey: key } },
    { auth: 'token', credentials: { user } },
    { auth: 'auto', credentials: { accessKey: key, user } },
  ] as const)('with $auth', (options) => {
    it('uploads, lists and downloads a file', async () => {
      const client = connect(options);
      const bytes = randomBytes(100_000);

      const uploaded = await client.upload(fileOf(bytes, { filename: '录屏 "终稿".mp4' }));
      const listed = await client.list(item, soon());

      const [stored] = await ipd.attachments();
      expect(stored).toMatchObject({ sha256: sha256(bytes), filename: '录屏 "终稿".mp4' });
      expect(uploaded).toEqual({
        kind: 'stored',
        attachmentId: stored?.id,
        statedSize: stored?.['size'],
        requestId: expect.any(String),
      });
      expect(listed).toEqual({
        kind: 'listed',
        attachments: [{ id: stored?.id, size: 100_000, name: '录屏 "终稿".mp4' }],
        isGiven: true,
      });
      const downloaded = await client.download({ projectId, id: stored?.id ?? '' }, soon());
      if (downloaded.kind !== 'file') throw new Error(downloaded.detail);
      expect(sha256(await buffer(downloaded.body))).toBe(sha256(bytes));
      const expected = options.auth === 'token' ? 'token' : 'aksk';
      expect(new Set(ipd.requests.filter((one) => one.operation !== 'token').map((one) => one.auth))).toEqual(
        new Set([expected]),
      );
    });
  });

  it('signs a temporary key and sends its token', async () => {
    const temporary = await startClient({ credentials: { ...credentials, securityToken: 'temporary-1' } });
    try {
      const place = { endpoint: temporary.url, iamEndpoint: temporary.url, auth: 'aksk' } as const;
      const withToken = { accessKey: { ...key, securityToken: 'temporary-1' } };

      const listed = await connect({ ...place, credentials: withToken }).list(item, soon());

      expect(listed).toEqual({ kind: 'listed', attachments: [], isGiven: true });
    } finally {
      await temporary.close();
    }
  });

  it('takes an access key up to 12,000,000 bytes of body and a token above', async () => {
    const client = connect();
    const frame = frameOverhead({
      field: 'attachment',
      filename: 'report.pdf',
      contentType: 'application/pdf',
    });
    const bytes = randomBytes(12_000_000 - frame + 1);

    const below = await client.upload(fileOf(bytes.subarray(1)));
    const above = await client.upload(fileOf(bytes));

    expect([below, above]).toMatchObject([{ kind: 'stored' }, { kind: 'stored' }]);
    expect(requests('upload')).toMatchObject([
      { auth: 'aksk', contentLength: 12_000_000, chunked: false },
      { auth: 'token', contentLength: 12_000_001, chunked: false },
    ]);
  });

  it('knows the largest file that an access key alone can send', async () => {
    const client = connect({ auth: 'aksk' });
    const part = { filename: '报告 "1".pdf', contentType: 'application/pdf' };
    const largest = client.largestFile(part);

    const fits = await client.upload(fileOf(randomBytes(largest), part));
    const tooLarge = await client.upload(fileOf(randomBytes(largest + 1), part));

    expect(fits).toMatchObject({ kind: 'stored' });
    expect(tooLarge).toMatchObject({ kind: 'refused', code: 'too_large_for_ipd' });
    expect(connect({ auth: 'auto' }).largestFile(part)).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    { auth: 'aksk', credentials: { user } },
    { auth: 'token', credentials: { accessKey: key } },
    { auth: 'auto', credentials: {} },
  ] as const)('cannot be made where the credentials do not fit $auth', (options) => {
    expect(() => connect(options)).toThrow(`nothing in them fits IPD_AUTH=${options.auth}`);
  });

  describe('a dead token', () => {
    const options = { auth: 'token', credentials: { user } } as const;
    const death = { kind: 'tokenDeath' };

    it.each(['list', 'download'] as const)('is replaced once in a %s', async (operation) => {
      const client = connect(options);
      await client.upload(fileOf(randomBytes(10)));
      const [stored] = await ipd.attachments();
      const call = (): Promise<unknown> =>
        operation === 'list'
          ? client.list(item, soon())
          : client.download({ projectId, id: stored?.id ?? '' }, soon());
      await faults({ match: { operation }, count: 1, fault: death });

      expect(await call()).not.toHaveProperty('detail');
      await always(operation, death);
      expect(await call()).toMatchObject({ kind: 'token_dead' });

      expect(requests(operation)).toHaveLength(4);
      expect(requests('token')).toHaveLength(3);
    });

    it.each(['gateway', 'service'])(
      'is reported to the upload that used it, and the next upload has a fresh token (%s)',
      async (deadToken) => {
        const client = connect(options);
        await client.list(item, soon());
        await ipd.admin('DELETE', '');
        await ipd.admin('PUT', '/settings', { deadToken });

        const first = await client.upload(fileOf(randomBytes(10)));
        const second = await client.upload(fileOf(randomBytes(10)));

        expect([first, second]).toMatchObject([{ kind: 'token_dead' }, { kind: 'stored' }]);
        expect(await ipd.attachments()).toHaveLength(1);
      },
    );

    it('is not asked for again when IAM refuses the password', async () => {
      const client = connect({ ...options, credentials: { user: { ...user, password: 'wrong-secret' } } });

      const uploaded = await client.upload(fileOf(randomBytes(10)));

      expect(uploaded).toMatchObject({ kind: 'locked_out' });
      expect(JSON.stringify(uploaded)).not.toContain('wrong-secret');
      expect(ipd.requests).toMatchObject([{ operation: 'token' }]);
    });
  });

  describe('list', () => {
    it('is empty where nothing is attached', async () => {
      expect(await connect().list(item, soon())).toEqual({ kind: 'listed', attachments: [], isGiven: true });
    });

    it.each(['number', 'string'])('reads a size that is a %s', async (fileSizeAs) => {
      await ipd.admin('PUT', '/settings', { fileSizeAs });
      const client = connect();
      await client.upload(fileOf(randomBytes(1234)));

      expect(await client.list(item, soon())).toMatchObject({ attachments: [{ size: 1234 }] });
    });

    it.each([
      [
        { id: '1', file_size: null, filesize: '5', title: 't' },
        { id: '1', size: 5, name: 't' },
      ],
      [
        { id: '1', store_filename: 's', title: 't' },
        { id: '1', size: undefined, name: 's' },
      ],
      [
        { id: '1', file_name: 'f', store_filename: 's', x: {} },
        { id: '1', size: undefined, name: 'f' },
      ],
      [
        { id: '1', file_size: '1.2 KB', file_name: 'f' },
        { id: '1', size: undefined, name: 'f' },
      ],
    ])('reads each of the member names that a row can have: %j', async (row, attachment) => {
      const body = { status: 'success', message: null, result: [row] };
      await always('list', { kind: 'answer', status: 200, body });

      expect(await connect().list(item, soon())).toEqual({
        kind: 'listed',
        attachments: [attachment],
        isGiven: true,
      });
    });

    it('tells a list that is missing from one that is empty', async () => {
      await always('list', { kind: 'nullResult' });

      expect(await connect().list(item, soon())).toEqual({ kind: 'listed', attachments: [], isGiven: false });
    });

    it('keeps ids as strings, and reads none whose digits are lost already', async () => {
      const client = connect();
      const body = { status: 'success', result: [{ id: '956239067176935401' }] };
      await always('list', { kind: 'answer', status: 200, body });
      expect(await client.list(item, soon())).toMatchObject({ attachments: [{ id: '956239067176935401' }] });

      await always('list', {
        kind: 'answer',
        status: 200,
        body: { ...body, result: [{ id: 9562390671769354 }] },
      });

      expect(await client.list(item, soon())).toMatchObject({ kind: 'unconfirmed' });
    });

    it('holds all 100 elements', async () => {
      await always('list', { kind: 'listOf', count: 100 });

      const listed = await connect().list(item, soon());

      expect('attachments' in listed && listed.attachments.length).toBe(100);
    });
  });

  describe('upload', () => {
    it('names no id when the result holds several', async () => {
      const client = connect();
      await client.upload(fileOf(randomBytes(10)));
      await always('upload', { kind: 'wholeResult' });

      expect(await client.upload(fileOf(randomBytes(10)))).toMatchObject({
        kind: 'stored',
        attachmentId: null,
      });
    });

    it('treats an error text that asks to try later as a doubt once the file is complete', async () => {
      await always('upload', { kind: 'tryLater200', stored: true });
      const complete = await connect().upload(fileOf(randomBytes(10)));
      await always('upload', { kind: 'tryLater200', early: true });
      const early = await connect().upload({
        ...fileOf(randomBytes(10)),
        fence: () => Promise.reject(new Error('not reached')),
        file: (_sink, exchange) =>
          new Promise((_resolve, reject) => {
            exchange.addEventListener('abort', () => reject(exchange.reason));
          }),
      });

      expect(complete).toMatchObject({ kind: 'unconfirmed' });
      expect(early).toMatchObject({ kind: 'throttled' });
    });

    it.each([
      ['null', 'nullResult'],
      ['an empty list', 'emptyResult'],
      ['an element without an id', 'resultWithoutId'],
    ])('knows that IPD has the file when the result is %s', async (_name, kind) => {
      await always('upload', { kind });

      const stored = { kind: 'stored', attachmentId: null };
      expect(await connect().upload(fileOf(randomBytes(10)))).toMatchObject(stored);
      expect(await ipd.attachments()).toHaveLength(1);
    });

    it.each([
      ['lostAnswer', 'unconfirmed'],
      ['truncatedJson', 'unconfirmed'],
      ['htmlSuccess', 'unconfirmed'],
      ['gatewayTimeout', 'unconfirmed'],
      ['iamUnavailable', 'unavailable'],
      ['serviceThrottled', 'throttled'],
      ['emojiRefused', 'refused'],
      ['failed200', 'refused'],
    ])('says what %s after the whole body means', async (kind, meaning) => {
      await always('upload', { kind });

      expect(await connect().upload(fileOf(randomBytes(10)))).toMatchObject({ kind: meaning });
    });

    it('is unavailable where no server listens, and neither file nor fence is touched', async () => {
      const gone = await startClient();
      await gone.close();
      const client = connect({ endpoint: gone.url });
      const touched: string[] = [];
      async function* file(): AsyncGenerator<Uint8Array> {
        touched.push('file');
        yield Buffer.alloc(10);
      }
      const fence = async (): Promise<void> => {
        touched.push('fence');
      };

      const result = await client.upload(fileOf(Buffer.alloc(10), { file: sourceOf(file()), fence }));

      expect(result).toMatchObject({ kind: 'unavailable' });
      expect(touched).toEqual([]);
      expect(await client.list(item, soon())).toHaveProperty('kind');
    });

    it.each([
      ['too large', { kind: 'bodyTooLarge' }, { kind: 'refused', code: 'too_large_for_ipd' }],
      ['a bad gateway', { kind: 'badGateway', early: true }, { kind: 'unavailable' }],
      [
        'a success',
        { kind: 'answer', early: true, status: 200, body: { status: 'success', result: [{ id: '1' }] } },
        { kind: 'unavailable' },
      ],
    ])('ends with an early answer and stores nothing: %s', async (_name, fault, meaning) => {
      await always('upload', fault);
      let closed = false;
      let fenced = false;
      async function* slow(): AsyncGenerator<Uint8Array> {
        try {
          for (let sent = 0; sent < 1_000_000; sent += 1) {
            yield Buffer.alloc(1);
            await setImmediate();
          }
        } finally {
          closed = true;
        }
      }

      const result = await connect().upload(
        fileOf(Buffer.alloc(1_000_000), {
          file: sourceOf(slow()),
          fence: async () => {
            fenced = true;
          },
        }),
      );

      expect(result).toMatchObject(meaning);
      await eventually(() => closed);
      expect(fenced).toBe(false);
      expect(await ipd.attachments()).toEqual([]);
    });

    it.each([
      ['a success without an id', 200, '{"status":"success","result":null}'],
      ['a bad gateway', 502, 'down'],
    ])(
      'an answer that comes at the fence is one to an incomplete request: %s',
      async (_name, status, text) => {
        const arrived: IncomingMessage[] = [];
        const server = createServer((request, response) => {
          arrived.push(request.on('error', () => undefined));
          request.once('data', () => response.writeHead(status).end(text));
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const answered = Promise.withResolvers<void>();
        const passed: string[] = [];
        const client = connect({
          endpoint: `http://127.0.0.1:${portOf(server)}`,
          auth: 'aksk',
          send: async (request) => send(request).finally(answered.resolve),
        });

        const result = await client.upload(
          fileOf(Buffer.alloc(1000), {
            fence: async () => {
              await answered.promise;
              await setImmediate();
              passed.push('fence');
            },
          }),
        );

        expect(result).toMatchObject({ kind: 'unavailable' });
        // The client waits for the fence even then, so that the fence cannot write after the caller has the result.
        expect(passed).toEqual(['fence']);
        expect(arrived.map(({ complete }) => complete)).toEqual([false]);
        server.closeAllConnections();
        server.close();
      },
    );

    it('passes on what the file throws; IPD never sees a complete request', async () => {
      const failure = new Error('storage broke');
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield randomBytes(100_000);
        throw failure;
      }

      const work = connect().upload(fileOf(Buffer.alloc(200_000), { file: sourceOf(broken()) }));

      await expect(work).rejects.toBe(failure);
      expect(await theUpload()).toMatchObject([{ outcome: 'reset', complete: false }]);
      expect(await ipd.attachments()).toEqual([]);
    });

    it('passes on what the fence throws after the last byte; IPD never sees the closing boundary', async () => {
      const failure = new Error('the lease is gone');
      const bytes = randomBytes(100_000);

      const work = connect().upload(
        fileOf(bytes, {
          fence: async () => {
            throw failure;
          },
        }),
      );

      await expect(work).rejects.toBe(failure);
      expect(await theUpload()).toMatchObject([{ outcome: 'reset', complete: false }]);
      expect(await ipd.attachments()).toEqual([]);
    });

    it('asks the fence once, after the last byte', async () => {
      const steps: string[] = [];
      async function* file(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('ab');
        steps.push('last byte taken');
      }

      await connect().upload(
        fileOf(Buffer.from('ab'), {
          file: sourceOf(file()),
          fence: async () => {
            steps.push(`fence, stored ${(await ipd.attachments()).length}`);
          },
        }),
      );

      expect(steps).toEqual(['last byte taken', 'fence, stored 0']);
      expect(await ipd.attachments()).toHaveLength(1);
    });

    it('keeps the credentials out of what it says', async () => {
      await always('upload', { kind: 'signatureFailed' });

      const result = await connect({ auth: 'aksk' }).upload(fileOf(randomBytes(10)));

      expect(result).toMatchObject({ kind: 'locked_out' });
      expect(JSON.stringify(result)).not.toMatch(/x-sdk-date|EXAMPLEAK|UNSIGNED/i);
    });
  });

  describe('download', () => {
    it('says why there is no file', async () => {
      const absent = { projectId, id: '100000000000000000' };

      expect(await connect().download(absent, soon())).toMatchObject({
        kind: 'refused',
        code: 'ipd_forbidden',
      });
    });

    it('breaks where the connection breaks', async () => {
      const client = connect();
      await client.upload(fileOf(randomBytes(3_000_000)));
      const [stored] = await ipd.attachments();
      await always('download', { kind: 'cutAnswer', afterBytes: 1_000_000 });

      const downloaded = await client.download({ projectId, id: stored?.id ?? '' }, soon());

      if (downloaded.kind !== 'file') throw new Error(downloaded.detail);
      await expect(buffer(downloaded.body)).rejects.toThrow('aborted');
    });
  });
});
