import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { DAY_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { useWorld } from '../../support/use-world.ts';

const LIMIT = 10_000;
const PUBLIC_URL = 'https://uploads.example.com';
const COMMIT_WINDOW_MS = 10 * MINUTE_MS;

const world = await useWorld({
  environment: {
    OVERSIZE: 'link',
    PUBLIC_URL,
    LINK_KEY: 'a key for tests that is long enough',
    MAX_FILE_BYTES: String(LIMIT),
    COMMENT_ON_DELIVERY: 'on',
  },
});

const links = z.array(z.object({ id: z.string(), title: z.string(), url: z.string() }));
const large = () => randomBytes(LIMIT + 1);

const shown = async () => links.parse(await (await fetch(`${world.ipd.url}/__admin/links`)).json());
const plant = async (upload: Upload, url: string): Promise<void> => {
  const { projectId, issueId } = upload;
  const planted = await fetch(`${world.ipd.url}/__admin/links`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ projectId, issueId, title: 'by hand', url }),
  });
  expect(planted.status).toBe(201);
};
const isKept = async ({ id }: Upload): Promise<boolean> =>
  (await world.staging.head(`linked/${id}`)) !== undefined;
const calls = (operation: string): number =>
  world.ipd.requests.filter((request) => request.operation === operation).length;

/** Sets the clock to when the upload is due, and has the sweep and a delivery act. */
async function sweep({ id }: Upload): Promise<Upload> {
  const { dueAt } = await world.find(id);
  world.clock.set(Math.max(world.clock.now(), Date.parse(dueAt ?? '')));
  await world.sweep.run(AbortSignal.timeout(60_000));
  await world.delivery.onRequest({ uploadId: id, attempt: (await world.find(id)).attempts + 1 }, world.run());
  return world.find(id);
}

describe('a file that is larger than IPD takes', () => {
  it('ends in one link, and stays in storage', async () => {
    const bytes = large();

    const upload = await world.deliver(bytes, { filename: '施工现场.mp4' });

    const [link, ...more] = await shown();
    expect(more).toEqual([]);
    expect(upload).toMatchObject({
      status: 'delivered',
      asLink: 'too_large',
      attachmentId: null,
      link: { id: link?.id, expiresAt: new Date(world.clock.now() + 365 * DAY_MS).toISOString() },
    });
    expect(link?.url).toMatch(new RegExp(`^${PUBLIC_URL}/v1/files/${upload.id}/[\\w-]{43}$`));
    expect(link?.title).toMatch(/^施工现场\.mp4 \(9\.8 KiB, until \d{4}-\d\d-\d\d\)$/);
    expect(await isKept(upload)).toBe(true);
    expect(await world.isStaged(upload.id)).toBe(false);
    expect(await world.received()).toEqual([]);
  });

  it('waits for its scan like any other', async () => {
    const gated = world.build({ config: { requiredScanTag: { name: 'scan', value: 'clean' } } });
    const bytes = large();
    const { id } = await world.stage(bytes);

    await gated.delivery.onArrival(world.arrival(await world.find(id), bytes), world.run());

    expect(await world.find(id)).toMatchObject({ status: 'waiting', lastError: { code: 'scan_pending' } });
    expect(await shown()).toEqual([]);
  });
});

describe('a work item that is full', () => {
  it('gets a link where nothing was sent before', async () => {
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count: 100 } }]);

    const upload = await world.deliver(randomBytes(1000));

    expect(upload).toMatchObject({ status: 'delivered', asLink: 'work_item_full', attachmentId: null });
    expect(await shown()).toHaveLength(1);
    expect(world.uploadRequests()).toEqual([]);
  });

  it('gets none while an attachment is in doubt', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'reset' } }]);
    const { id } = await world.deliver(randomBytes(1000));
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count: 100 } }]);

    world.clock.advance(2 * COMMIT_WINDOW_MS);
    await world.next(id);
    const upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'failed', lastError: { code: 'outcome_unknown' } });
    expect(await shown()).toEqual([]);
  });
});

describe('a file that IPD refuses as too large', () => {
  it('ends in a link', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'bodyTooLarge' } }]);

    const upload = await world.deliver(randomBytes(1000));

    expect(upload).toMatchObject({ status: 'delivered', asLink: 'too_large' });
    expect(await shown()).toHaveLength(1);
    expect(await world.received()).toEqual([]);
  });
});

describe('a lost answer', () => {
  it('is decided by looking', async () => {
    await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'lostAnswer' } }]);
    const { id } = await world.deliver(large());
    expect(await world.find(id)).toMatchObject({ status: 'unconfirmed', lastError: { code: 'answer_lost' } });

    const upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'delivered', link: { id: (await shown())[0]?.id } });
    expect(calls('linkCreate')).toBe(1);
  });

  it('of a link that IPD never made leads to another one, after the commit window', async () => {
    await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'reset' } }]);
    const { id } = await world.deliver(large());

    let upload = await world.find(id);
    for (let tries = 0; tries < 8 && upload.status !== 'delivered'; tries += 1) upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'delivered', resent: true, recheckAt: expect.any(String) });
    expect(await shown()).toHaveLength(1);
  });

  it('leaves the upload undecided where the list may be cut', async () => {
    await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'reset' } }]);
    const { id } = await world.deliver(large());
    await plant(await world.find(id), 'https://example.com/other');
    await world.ipdSettings({ linksShown: 0 });

    let upload = await world.find(id);
    for (let tries = 0; tries < 8 && upload.status === 'unconfirmed'; tries += 1)
      upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'failed', lastError: { code: 'outcome_unknown' } });
    expect(calls('linkCreate')).toBe(1);
  });
});

describe('a second link to the file', () => {
  it('is deleted, and the oldest stays', async () => {
    await world.faults([
      { match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'storedTwice', answer: 'reset' } },
    ]);
    const { id } = await world.deliver(large());
    const [first] = await shown();

    const upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'delivered', link: { id: first?.id } });
    expect(await shown()).toEqual([first]);
  });

  it('that cannot be deleted is deleted by the check after it', async () => {
    await world.faults([
      { match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'storedTwice', answer: 'reset' } },
      { match: { operation: 'linkDelete' }, count: 1, fault: { kind: 'badGateway' } },
    ]);
    const { id } = await world.deliver(large());
    const delivered = await world.next(id);
    expect(delivered).toMatchObject({ status: 'delivered', recheckAt: expect.any(String) });
    expect(await shown()).toHaveLength(2);

    const checked = await sweep(delivered);

    expect(await shown()).toHaveLength(1);
    expect(checked).not.toHaveProperty('recheckAt');
    expect(checked).toMatchObject({
      dueAt: delivered.status === 'delivered' ? delivered.link?.expiresAt : '',
    });
  });

  it('with a secret that does not work is no link to the file', async () => {
    const bytes = large();
    const { id } = await world.stage(bytes);
    await plant(await world.find(id), `${PUBLIC_URL}/v1/files/${id}/guessed`);

    await world.delivery.onArrival(world.arrival(await world.find(id), bytes), world.run());

    const [link, ...more] = await shown();
    expect(more).toEqual([]);
    expect(await world.find(id)).toMatchObject({ status: 'delivered', link: { id: link?.id } });
    expect(link?.url).not.toContain('guessed');
  });
});

describe('no permission', () => {
  it.each([
    ['linkCreate', 'codeartsreq:workitem:list'],
    ['linkList', 'codeartsreq:configuration:get'],
  ])('for %s ends the upload and names %s', async (operation, permission) => {
    await world.faults([{ match: { operation }, fault: { kind: 'noPermission' } }]);

    const upload = await world.deliver(large());

    expect(upload).toMatchObject({ status: 'failed', lastError: { code: 'link_forbidden' } });
    expect(upload.lastError?.detail).toContain(permission);
    expect(await shown()).toEqual([]);
  });
});

describe('a link that is taken back', () => {
  it('works no more at once, and link and file go', async () => {
    const upload = await world.deliver(large());
    const url = new URL((await shown())[0]?.url ?? '');
    const secret = url.pathname.split('/').at(-1) ?? '';
    const caller = { owner: upload.owner, projects: '*' } as const;
    const { downloads } = world.build();
    expect(await downloads.find(upload.id, secret)).toContain('response-content-disposition');

    const { upload: removed } = await world.uploads.cancel(caller, upload.id);

    expect(removed).toMatchObject({ status: 'removed', removal: { by: 'owner' } });
    await expect(downloads.find(upload.id, secret)).rejects.toMatchObject({ code: 'not_found' });
    await world.delivery.onRequest({ uploadId: upload.id, attempt: 2 }, world.run());
    expect(await shown()).toEqual([]);
    expect(await isKept(upload)).toBe(false);
  });

  it('is looked for once more a commit window later', async () => {
    const upload = await world.deliver(large());
    const [{ url } = { url: '' }] = await shown();
    await world.uploads.cancel({ owner: upload.owner, projects: '*' }, upload.id);
    const once = await sweep(upload);
    await plant(upload, url);

    const twice = await sweep(once);

    expect(await shown()).toEqual([]);
    expect(twice).toMatchObject({ status: 'removed' });
    expect(twice).not.toHaveProperty('dueAt');
  });

  it('goes from storage also where IPD deletes nothing, and that is reported', async () => {
    const upload = await world.deliver(large());
    await world.faults([{ match: { operation: 'linkList' }, fault: { kind: 'noPermission' } }]);
    await world.uploads.cancel({ owner: upload.owner, projects: '*' }, upload.id);

    const after = await sweep(upload);

    expect(await isKept(upload)).toBe(false);
    expect(after).toMatchObject({ status: 'removed' });
    expect(after).not.toHaveProperty('recheckAt');
  });

  it('goes by itself when its time is over', async () => {
    const upload = await world.deliver(large());

    await sweep(upload);
    const after = await sweep(upload);

    expect(after).toMatchObject({ status: 'removed', removal: { by: 'expiry' } });
    expect(await shown()).toEqual([]);
    expect(await isKept(upload)).toBe(false);
  });
});

describe('the comment on a delivery', () => {
  const comments = async () =>
    z
      .array(z.object({ description: z.string() }))
      .parse(await (await fetch(`${world.ipd.url}/__admin/comments`)).json());

  it('says who sent which file, as text', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes, { filename: 'a <b>&.png' });
    await world.ledger.change(upload.id, (before) => ({ ...before, uploadedBy: 'Li <Ming>' }));

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const [comment, ...more] = await comments();
    expect(more).toEqual([]);
    expect(comment?.description).toMatch(
      /^<p>Li &lt;Ming&gt; uploaded a &lt;b&gt;&amp;\.png \(\d{4}-\d\d-\d\d \d\d:\d\d UTC\)\.<\/p>$/,
    );
  });

  it('is never made twice, also when its answer was lost', async () => {
    await world.faults([{ match: { operation: 'commentCreate' }, fault: { kind: 'lostAnswer' } }]);

    const upload = await world.deliver(randomBytes(1000));

    expect(upload).toMatchObject({ status: 'delivered', commentedAt: expect.any(String) });
    await world.delivery.onRequest({ uploadId: upload.id, attempt: 2 }, world.run());
    expect(calls('commentCreate')).toBe(1);
  });
});
