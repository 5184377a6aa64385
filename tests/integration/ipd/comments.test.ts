import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { systemClock } from '../../../lib/runtime/clock.ts';
import { createIpdClient } from '../../../lib/ipd/client.ts';
import type { Credentials } from '../../../lib/ipd/client.ts';
import { send } from '../../../lib/ipd/wire.ts';
import { credentials, issueId, projectId, startClient } from '../local/ipd-fixture.ts';
import type { Client } from '../local/ipd-fixture.ts';

const { accessKey, secretKey, domain, username, password } = credentials;
const key = { accessKey: { accessKey, secretKey } };
const user = { user: { domain, username, password } };
const comment = { projectId, issueId, html: '<p>Zoë &lt;b&gt; attached 录屏.mp4</p>' };
const soon = () => AbortSignal.timeout(300_000);
const heldComments = z.array(z.looseObject({ description: z.string(), category: z.string() }));

let ipd: Client;
beforeAll(async () => {
  ipd = await startClient();
});
afterEach(() => ipd.admin('DELETE', ''));
afterAll(() => ipd.close());

function connect(access: Credentials = { ...key, ...user }) {
  const place = { endpoint: ipd.url, iamEndpoint: ipd.url, region: 'cn-north-4' };
  return createIpdClient({ ...place, auth: 'auto', credentials: access, send, clock: systemClock });
}

const always = (fault: object) =>
  ipd.admin('PUT', '/faults', [{ match: { operation: 'commentCreate' }, fault }]);
const held = async () => heldComments.parse(await ipd.admin('GET', '/comments'));

describe('addComment', () => {
  it.each([
    { auth: 'aksk', access: key },
    { auth: 'token', access: user },
  ])('adds one comment, with its mark-up ($auth)', async ({ auth, access }) => {
    expect(await connect(access).addComment(comment, soon())).toEqual({ kind: 'added' });

    expect(await held()).toMatchObject([{ projectId, issueId, description: comment.html }]);
    expect(ipd.requests.filter(({ operation }) => operation === 'commentCreate')).toMatchObject([
      { auth, complete: true, chunked: false },
    ]);
  });

  it.each([
    ['lostAnswer', 'unconfirmed', 1],
    ['gatewayTimeout', 'unconfirmed', 0],
    ['tryLater200', 'unconfirmed', 0],
    ['truncatedJson', 'unconfirmed', 1],
    ['iamUnavailable', 'unavailable', 0],
    ['throttled', 'throttled', 0],
    ['invalidToken', 'token_dead', 0],
    ['noPermission', 'refused', 0],
    ['failed200', 'refused', 0],
    ['nullResult', 'added', 1],
  ])('is sent once, also when this comes back: %s', async (fault, kind, count) => {
    await always({ kind: fault });

    expect(await connect().addComment(comment, soon())).toMatchObject({ kind });
    expect(await held()).toHaveLength(count);
    expect(ipd.requests.filter(({ operation }) => operation === 'commentCreate')).toHaveLength(1);
  });

  it('is refused when it is too long', async () => {
    const long = { ...comment, html: 'x'.repeat(10_001) };

    expect(await connect().addComment(long, soon())).toMatchObject({ kind: 'refused', code: 'ipd_refused' });
  });
});

describe('listComments and deleteComment', () => {
  it('show the newest first, and remove one', async () => {
    const client = connect();
    await client.addComment({ ...comment, html: 'first' }, soon());
    await client.addComment({ ...comment, html: 'second' }, soon());

    const listed = await client.listComments(comment, soon());
    if (listed.kind !== 'listed') throw new Error(listed.detail);
    const [newest] = listed.comments;
    const deleted = await client.deleteComment({ ...comment, id: newest?.id ?? '' }, soon());

    expect(listed.comments.map(({ html }) => html)).toEqual(['second', 'first']);
    expect(deleted).toEqual({ kind: 'deleted' });
    expect(await held()).toMatchObject([{ description: 'first' }]);
  });

  it('say what IPD refuses, and what cannot be read', async () => {
    const client = connect();
    await ipd.admin('PUT', '/faults', [
      { match: { operation: 'commentList' }, fault: { kind: 'nullResult' } },
    ]);

    const listed = await client.listComments(comment, soon());
    const deleted = await client.deleteComment({ ...comment, id: '956239067176935401' }, soon());

    expect(listed).toMatchObject({ kind: 'unconfirmed' });
    expect(deleted).toMatchObject({ kind: 'refused', code: 'ipd_refused' });
  });
});
