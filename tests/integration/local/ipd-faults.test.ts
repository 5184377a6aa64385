import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  issueId,
  listPath,
  projectId,
  rawForm,
  rawFormType,
  requestToken,
  resultOf,
  startClient,
  uploadPath,
  type Client,
} from './ipd-fixture.ts';

const otherIssue = '956239067176935401';

let now: number;
let ipd: Client;

beforeEach(async () => {
  now = Date.UTC(2026, 0, 2);
  ipd = await startClient({ clock: () => now });
});

afterEach(() => ipd.close());

function setFaults(...rules: object[]): Promise<unknown> {
  return ipd.admin('PUT', '/faults', rules);
}

function setFault(kind: string, options: object = {}): Promise<unknown> {
  return setFaults({ match: { operation: 'upload' }, fault: { kind, ...options } });
}

async function countStored(): Promise<number> {
  return (await ipd.attachments()).length;
}

function downloadPath(id = ''): string {
  return `/v1/ipdprojectservice/projects/${projectId}/attachments/download/${id}`;
}

/** True when the connection died instead of an answer. */
async function isReset(response: Promise<Response>): Promise<boolean> {
  return response.then(
    (answered) =>
      answered.text().then(
        () => false,
        () => true,
      ),
    () => true,
  );
}

describe('a fault that answers', () => {
  it.each([
    { kind: 'error200', status: 200, text: '"status":"error"' },
    { kind: 'failed200', status: 200, text: '"status":"failed"' },
    { kind: 'serviceThrottled', status: 400, text: 'PM.02153001' },
    { kind: 'invalidToken', status: 400, text: 'PM.10001002' },
    { kind: 'noPermission', status: 400, text: 'PM.02174103' },
    { kind: 'projectMissing', status: 400, text: 'PM.02152005' },
    { kind: 'undefinedError', status: 400, text: 'PM.02152002' },
    { kind: 'emojiRefused', status: 400, text: 'PM.02101004' },
    {
      kind: 'signatureFailed',
      status: 401,
      text: `verify aksk signature fail, canonicalRequest: POST|${uploadPath}/|`,
    },
    { kind: 'keyLocked', status: 401, text: 'AK access failed to reach the limit' },
    { kind: 'tokenExpired', status: 401, text: 'APIGW.0307' },
    { kind: 'notAllowed', status: 403, text: 'APIGW.0302' },
    { kind: 'notPublished', status: 404, text: 'APIGW.0101' },
    { kind: 'bodyTooLarge', status: 413, text: 'APIGW.0201' },
    { kind: 'throttled', status: 429, text: 'APIGW.0308' },
    { kind: 'internalError', status: 500, text: 'APIGW.0201' },
    { kind: 'badGateway', status: 502, text: 'APIGW.0201' },
    { kind: 'gatewayTimeout', status: 504, text: 'APIGW.0201' },
    { kind: 'iamUnavailable', status: 503, text: 'APIGW.0613' },
    { kind: 'htmlError', status: 502, text: '<html>' },
    { kind: 'emptyError', status: 504, text: '' },
  ])('$kind is a $status and stores nothing', async ({ kind, status, text }) => {
    await setFault(kind);

    const response = await ipd.upload();

    expect(response.status).toBe(status);
    expect(await response.text()).toContain(text);
    expect(await countStored()).toBe(0);
  });

  it.each(['internalError', 'badGateway', 'gatewayTimeout', 'htmlError', 'error200', 'throttled'])(
    '%s can come after the file was stored',
    async (kind) => {
      await setFault(kind, { stored: true });

      await ipd.upload();

      expect(await countStored()).toBe(1);
    },
  );

  it.each([
    { kind: 'nullResult', text: '{"status":"success","message":null,"result":null}' },
    { kind: 'emptyResult', text: '{"status":"success","message":null,"result":[]}' },
    { kind: 'htmlSuccess', text: '<html><head><title>OK</title></head><body><h1>OK</h1></body></html>' },
  ])('$kind tells no id of a file that is stored', async ({ kind, text }) => {
    await setFault(kind);

    const response = await ipd.upload();

    expect(response.status).toBe(200);
    expect(await response.text()).toBe(text);
    expect(await countStored()).toBe(1);
  });

  it('resultWithoutId tells everything else', async () => {
    await setFault('resultWithoutId');

    const { status, result } = await resultOf(await ipd.upload());

    expect(status).toBe('success');
    expect(result).toMatchObject([{ workitem_id: issueId, filesize: 5 }]);
    expect(result?.[0]).not.toHaveProperty('id');
  });

  it('truncatedJson is a success that cannot be read', async () => {
    await setFault('truncatedJson');

    const response = await ipd.upload();
    const text = await response.text();

    expect(response.status).toBe(200);
    expect(text).toMatch(/^\{"status":"success"/);
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(await countStored()).toBe(1);
  });

  it('throttled says when to come back only if the fault sets it', async () => {
    await setFaults(
      { count: 1, fault: { kind: 'throttled', retryAfterSeconds: 2 } },
      { count: 1, fault: { kind: 'throttled' } },
    );

    const [first, second] = [await ipd.upload(), await ipd.upload()];

    expect(first.headers.get('retry-after')).toBe('2');
    expect(second.headers.has('retry-after')).toBe(false);
  });

  it('answer gives the status, headers and body of its rule', async () => {
    await setFaults({
      fault: { kind: 'answer', status: 418, headers: { 'X-Kind': 'tea' }, body: { hot: true } },
    });

    const response = await ipd.call(listPath);

    expect(response.status).toBe(418);
    expect(response.headers.get('x-kind')).toBe('tea');
    expect(await response.json()).toEqual({ hot: true });
  });

  it('is outranked by a real refusal when the file was to be stored', async () => {
    await ipd.admin('PUT', '/settings', { fullIssues: [issueId] });
    await setFault('badGateway', { stored: true });

    const response = await ipd.upload();

    expect(response.status).toBe(200);
    expect(await resultOf(response)).toMatchObject({ status: 'error' });
  });

  it('takes the rest of the body after an early answer', async () => {
    await setFaults({ match: { filename: 'big.bin' }, fault: { kind: 'bodyTooLarge' } });
    const form = rawForm({
      disposition: 'name="attachment"; filename="big.bin"',
      content: 'x'.repeat(20_000_000),
    });
    const headers = { 'x-auth-token': ipd.token(), 'content-type': rawFormType };
    const upload = request(`${ipd.url}${uploadPath}`, { method: 'POST', headers }).end(form);
    const sent = once(upload, 'finish');

    const [response] = await once(upload, 'response');
    response.resume();
    await sent;

    expect(response.statusCode).toBe(413);
    expect(ipd.requests.at(-1)?.bytes).toBeLessThan(form.length);
  });

  it('can answer before the body is read', async () => {
    await setFault('bodyTooLarge');

    const response = await ipd.upload({ bytes: new Uint8Array(5_000_000) });

    expect(response.status).toBe(413);
    expect(ipd.requests.at(-1)).toMatchObject({ status: 413, bytes: 0, complete: false });
  });
});

describe('a fault of the connection', () => {
  it('resets in the middle of the body', async () => {
    await setFault('reset', { afterBytes: 100_000 });

    expect(await isReset(ipd.upload({ bytes: new Uint8Array(20_000_000) }))).toBe(true);
    expect(ipd.requests.at(-1)).toMatchObject({ outcome: 'reset', status: null, complete: false });
    expect(ipd.requests.at(-1)?.bytes).toBeGreaterThanOrEqual(100_000);
    expect(ipd.requests.at(-1)?.bytes).toBeLessThan(20_000_000);
    expect(await countStored()).toBe(0);
  });

  it.each([
    { kind: 'reset', options: {}, stored: 0 },
    { kind: 'reset', options: { stored: true }, stored: 1 },
    { kind: 'lostAnswer', options: {}, stored: 1 },
    { kind: 'cutAnswer', options: { afterBytes: 10 }, stored: 1 },
  ])('$kind $options after the body leaves $stored stored', async ({ kind, options, stored }) => {
    await setFault(kind, options);

    expect(await isReset(ipd.upload())).toBe(true);
    expect(ipd.requests.at(-1)).toMatchObject({ outcome: 'reset', complete: true });
    expect(await countStored()).toBe(stored);
  });

  it('is a reset of the connection, not an end', async () => {
    await setFault('lostAnswer');
    const body = rawForm({ disposition: 'name="attachment"; filename="a.txt"' });
    const socket = connect(ipd.port, '127.0.0.1');
    socket.write(
      `POST ${uploadPath} HTTP/1.1\r\nHost: localhost\r\nX-Auth-Token: ${ipd.token()}\r\n` +
        `Content-Type: ${rawFormType}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );

    await expect(once(socket.resume(), 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('cuts a download short', async () => {
    await ipd.upload({ bytes: new Uint8Array(1_000_000) });
    const [attachment] = await ipd.attachments();
    await setFaults({ match: { operation: 'download' }, fault: { kind: 'cutAnswer', afterBytes: 70_000 } });

    const response = await ipd.call(downloadPath(attachment?.id));
    let received = 0;
    async function receive(): Promise<void> {
      for await (const chunk of response.body ?? []) received += chunk.length;
    }

    await expect(receive()).rejects.toThrow('terminated');
    expect(received).toBeLessThanOrEqual(70_000);
  });

  it('goes on after a stall within the body', async () => {
    await setFault('stall', { afterBytes: 1000, seconds: 0.05 });

    const { result } = await resultOf(await ipd.upload({ bytes: new Uint8Array(1_000_000) }));

    expect(result).toMatchObject([{ filesize: 1_000_000 }]);
  });

  it('ends its pause when the faults are replaced', async () => {
    await setFault('stall', { afterBytes: 1000, seconds: 3600 });
    const upload = ipd.upload({ bytes: new Uint8Array(1_000_000) });
    while (!JSON.stringify(await ipd.admin('GET', '/faults')).includes('"fired":1'));

    await setFaults();

    expect((await resultOf(await upload)).result).toMatchObject([{ filesize: 1_000_000 }]);
  });

  it('stalls no longer than the server lives', async () => {
    await setFault('slowAnswer', { seconds: 600 });
    const upload = isReset(ipd.upload());
    while ((await countStored()) === 0);

    await ipd.close();

    expect(await upload).toBe(true);
  });
});

describe('a file that shows late', () => {
  it.each([
    { answer: 'gatewayTimeout', status: 504 },
    { answer: 'reset', status: null },
  ])('is stored minutes after a $answer', async ({ answer, status }) => {
    await setFault('storedLater', { afterSeconds: 120, answer });

    await isReset(ipd.upload());
    const [attachment] = await ipd.attachments();
    now += 119_999;
    const before = await ipd.list();
    const downloadBefore = await ipd.call(downloadPath(attachment?.id));
    now += 1;
    const after = await ipd.list();
    const downloadAfter = await ipd.call(downloadPath(attachment?.id));

    expect([downloadBefore.status, downloadAfter.status]).toEqual([400, 200]);
    expect(ipd.requests.find(({ operation }) => operation === 'upload')).toMatchObject({ status });
    expect(before).toEqual([]);
    expect(after).toHaveLength(1);
    expect(await ipd.attachments()).toMatchObject([{ createdAt: '2026-01-02T00:02:00.000Z' }]);
  });

  it.each([
    { how: 'by a fault', arrange: () => setFault('listDelay', { seconds: 30 }) },
    { how: 'by a setting', arrange: () => ipd.admin('PUT', '/settings', { listDelaySeconds: 30 }) },
  ])('is answered and downloadable at once, but listed later $how', async ({ arrange }) => {
    await arrange();

    const { result } = await resultOf(await ipd.upload());
    const id = String(result?.[0]?.['id']);
    const before = await ipd.list();
    const download = await ipd.call(downloadPath(id));
    now += 30_000;
    const after = await ipd.list();

    expect(before).toEqual([]);
    expect(download.status).toBe(200);
    expect(after).toMatchObject([{ id }]);
  });
});

describe('other faults', () => {
  it.each([0, 1, 100])('listOf shows %i attachments of others', async (count) => {
    await setFaults({ match: { operation: 'list' }, fault: { kind: 'listOf', count, fileSize: 7 } });

    const elements = await ipd.list();

    expect(new Set(elements.map(({ id }) => id)).size).toBe(count);
    expect(elements.every((element) => element['file_size'] === 7)).toBe(true);
  });

  it('tokenDeath ends all tokens until a new one is fetched', async () => {
    await setFaults({ count: 1, fault: { kind: 'tokenDeath' } });

    const atDeath = await ipd.call(listPath);
    const after = await ipd.call(listPath);
    await ipd.renewToken();
    const renewed = await ipd.call(listPath);

    expect([atDeath.status, after.status, renewed.status]).toEqual([401, 401, 200]);
  });

  it('the token call fails as well', async () => {
    await setFaults({ match: { operation: 'token' }, fault: { kind: 'iamUnavailable' } });

    expect((await requestToken(ipd.url)).status).toBe(503);
    expect((await ipd.call(listPath)).status).toBe(200);
  });
});

describe('the rules of faults', () => {
  it.each([
    { match: { operation: 'list' }, hits: false },
    { match: { operation: 'upload' }, hits: true },
    { match: { method: 'post' }, hits: true },
    { match: { method: 'GET' }, hits: false },
    { match: { issueId }, hits: true },
    { match: { issueId: otherIssue }, hits: false },
    { match: { filename: 'say "hi".txt' }, hits: true },
    { match: { filename: 'other.txt' }, hits: false },
    { match: { auth: 'token' }, hits: true },
    { match: { auth: 'aksk' }, hits: false },
    { match: {}, hits: true },
  ])('match $match', async ({ match, hits }) => {
    await setFaults({ match, fault: { kind: 'badGateway' } });

    const response = await ipd.upload({ name: 'say "hi".txt' });

    expect(response.status).toBe(hits ? 502 : 200);
    expect(await countStored()).toBe(hits ? 0 : 1);
  });

  it('let some pass, fire so often, then do nothing; the first active one wins', async () => {
    await setFaults(
      { skip: 1, count: 2, fault: { kind: 'badGateway' } },
      { match: { operation: 'list' }, count: 1, fault: { kind: 'internalError' } },
    );

    const statuses: number[] = [];
    for (let number = 1; number <= 5; number += 1) statuses.push((await ipd.call(listPath)).status);

    expect(statuses).toEqual([500, 502, 502, 200, 200]);
    expect(await ipd.admin('GET', '/faults')).toMatchObject([
      { skip: 1, count: 2, fault: { kind: 'badGateway' }, fired: 2 },
      { fired: 1 },
    ]);
  });

  it('fire as the random source decides', async () => {
    let roll = 0.49;
    const drawn = await startClient({ random: () => roll });
    await drawn.admin('PUT', '/faults', [{ probability: 0.5, fault: { kind: 'badGateway' } }]);

    const below = await drawn.call(listPath);
    roll = 0.5;
    const above = await drawn.call(listPath);
    await drawn.close();

    expect([below.status, above.status]).toEqual([502, 200]);
  });

  it.each([
    { rules: {}, says: 'expected array' },
    { rules: [{ fault: { kind: 'nonsense' } }], says: 'unknown kind nonsense; there are answer, badGateway' },
    { rules: [{ fault: { kind: 'constructor' } }], says: 'unknown kind constructor' },
    { rules: [{ fault: { kind: 'stall', afterBytes: 1 } }], says: 'seconds' },
    { rules: [{ fault: { kind: 'badGateway', sored: true } }], says: 'sored' },
    { rules: [{ match: { issue: '1' }, fault: { kind: 'badGateway' } }], says: 'issue' },
    { rules: [{ probability: 2, fault: { kind: 'badGateway' } }], says: 'probability' },
  ])('are refused with a reason: $says', async ({ rules, says }) => {
    await setFault('badGateway');

    const response = await fetch(`${ipd.url}/__admin/faults`, { method: 'PUT', body: JSON.stringify(rules) });

    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ message: expect.stringContaining(says) });
    expect(await ipd.admin('GET', '/faults')).toHaveLength(1);
  });
});
