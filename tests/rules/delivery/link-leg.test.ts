import { HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { MINUTE_MS } from '../../../lib/domain/units.ts';
import { LARGEST_ATTACHMENT, linking, linksOf, PUBLIC_URL } from '../../support/links.ts';
import { useMeanwhile } from '../../support/meanwhile.ts';
import { useWorld } from '../../support/use-world.ts';

const COMMIT_WINDOW_MS = 10 * MINUTE_MS;

const world = await useWorld({ environment: linking });

const servicesWhere = useMeanwhile(world);
const { shown, plant, isKept, calls, sweep } = linksOf(world);
const large = () => randomBytes(LARGEST_ATTACHMENT + 1);

describe('a lost answer', () => {
  it('is decided by looking', async () => {
    await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'lostAnswer' } }]);
    const { id } = await world.deliver(large());
    expect(await world.find(id)).toMatchObject({ status: 'unconfirmed', lastError: { code: 'answer_lost' } });

    const upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'delivered', link: { id: (await shown())[0]?.id } });
    expect(calls('linkCreate')).toBe(1);
  });

  it('leads to the file also where its copy went meanwhile', async () => {
    await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'lostAnswer' } }]);
    const { id } = await world.deliver(large());
    await world.staging.remove(`linked/${id}`);

    const upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'delivered' });
    expect(await isKept(upload)).toBe(true);
  });

  it('of a link that IPD never made leads to another one, after the commit window', async () => {
    await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'reset' } }]);
    const { id } = await world.deliver(large());

    let upload = await world.find(id);
    const committed = Date.parse(upload.doubt?.since ?? '') + COMMIT_WINDOW_MS;
    const madeBefore: number[] = [];
    for (let tries = 0; tries < 8 && upload.status !== 'delivered'; tries += 1) {
      madeBefore.push(world.clock.now() < committed ? calls('linkCreate') : 1);
      upload = await world.next(id);
    }

    expect(new Set(madeBefore)).toEqual(new Set([1]));
    expect(world.clock.now()).toBeGreaterThan(committed);
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
    expect(upload).not.toHaveProperty('recheckAt');
    expect(await shown()).toEqual([first]);
  });

  it('that leads nowhere is deleted where the first is found after a lost answer', async () => {
    await world.faults([{ match: { operation: 'linkCreate' }, count: 1, fault: { kind: 'lostAnswer' } }]);
    const unsure = await world.deliver(large());
    const [first] = await shown();
    await plant(unsure, `${PUBLIC_URL}/v1/files/${unsure.id}/guessed`);

    const upload = await world.next(unsure.id);

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

describe('a link that is removed', () => {
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

describe('a copy of other bytes, which an earlier offer of the upload has left', () => {
  /** An upload whose file is staged, and such a copy of the same length. */
  async function offeredAgain() {
    const bytes = large();
    const upload = await world.stage(bytes);
    const object = { Bucket: world.config.bucket, Key: `linked/${upload.id}` };
    const { ETag } = await world.clients.s3.send(
      new PutObjectCommand({ ...object, Body: randomBytes(bytes.length) }),
    );
    const linkedEtag = async () => (await world.clients.s3.send(new HeadObjectCommand(object))).ETag;
    return { upload, arrival: world.arrival(upload, bytes), earlier: ETag, linkedEtag };
  }

  it('is replaced by the file of this one', async () => {
    const { upload, arrival, linkedEtag } = await offeredAgain();

    await world.delivery.onArrival(arrival, world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
    expect(await linkedEtag()).toBe(`"${arrival.etag}"`);
  });

  it('stays where another run has taken over the upload', async () => {
    const { upload, arrival, earlier, linkedEtag } = await offeredAgain();
    const { delivery } = servicesWhere({ before: HeadObjectCommand }, () =>
      world.ledger.change(upload.id, (before) =>
        before.status === 'delivering'
          ? { ...before, lease: { ...before.lease, token: 'another run' } }
          : undefined,
      ),
    );

    await delivery.onArrival(arrival, world.run());

    expect(await world.find(upload.id)).toMatchObject({ lease: { token: 'another run' } });
    expect(await linkedEtag()).toBe(earlier);
  });
});
