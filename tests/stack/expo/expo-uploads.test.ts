import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createUploads } from '../../../packages/expo/src/uploads.ts';
import type { Change, Platform, UploadsOptions } from '../../../packages/expo/src/uploads.ts';
import { eventually } from '../../support/eventually.ts';
import { PART } from '../../support/parts-fixture.ts';
import { createPhone } from '../../support/phone.ts';
import type { Death, Phone } from '../../support/phone.ts';
import { sha256 } from '../../support/sha256.ts';
import { useDirectory } from '../../support/use-directory.ts';
import { useProductOnStorage } from '../../support/use-product.ts';
import { issueId, projectId } from '../../support/world.ts';

const product = await useProductOnStorage({ UPLOADS_PER_MINUTE: '600' });
const directory = await useDirectory();
const timing = { firstDelayMs: 1, longestDelayMs: 5, pollMs: 10 };
const bytes = randomBytes(PART + 10);
const inParts = {
  projectId,
  issueId,
  filename: 'film.mp4',
  contentType: 'video/mp4',
  mode: 'multipart',
} as const;
const uri = pathToFileURL(join(directory, 'picked')).href;
await writeFile(join(directory, 'picked'), bytes);

let phones = 0;

async function newPhone(options?: { filesAtOnce?: number }): Promise<Phone> {
  const folder = join(directory, `phone-${(phones += 1)}`);
  await mkdir(folder);
  return createPhone(folder, options);
}

/** A process of the app: what it keeps in memory is gone with the next one. */
const launch = (phone: Phone, death?: Death, options: Partial<UploadsOptions> = {}) =>
  launchAs(phone.launch(death), options);

function launchAs(process: ReturnType<Phone['launch']>, options: Partial<UploadsOptions>) {
  const changes: Change[] = [];
  const uploads = createUploads({
    apiUrl: product.urls.apiUrl,
    token: async () => product.token,
    timing,
    ...process,
    onChange: (change) => changes.push(change),
    ...options,
  });
  return { ...process, uploads, changes };
}

const details = (changes: Change[]) =>
  changes.flatMap((change) => (change.kind === 'paused' ? change.detail : []));

describe('background uploads', () => {
  it('sends a file in parts, follows until IPD has it, and leaves nothing but the outcome', async () => {
    const phone = await newPhone();
    const app = launch(phone);

    const { key, done } = await app.uploads.start({ ...inParts, uri });
    const outcome = await done;

    expect(outcome).toMatchObject({ kind: 'ended', upload: { status: 'delivered' } });
    expect(await product.received()).toMatchObject([{ sha256: sha256(bytes), filename: 'film.mp4' }]);
    expect(app.puts.map(({ name }) => name).toSorted()).toEqual([`${key}.1`, `${key}.2`]);
    expect(await phone.files()).toEqual([`${key}.json`]);
    expect(await app.uploads.list()).toMatchObject([{ key, about: { size: bytes.length }, outcome }]);
    expect(app.changes.at(-1)).toEqual({ kind: 'ended', key, outcome });
  });

  it('sends a file in one piece as it is, without a second copy', async () => {
    const phone = await newPhone();
    const app = launch(phone);

    const { key, done } = await app.uploads.start({ ...inParts, mode: 'single', uri });

    expect(await done).toMatchObject({ kind: 'ended', upload: { status: 'delivered' } });
    expect(app.puts.map(({ name }) => name)).toEqual([`${key}.data`]);
    expect(await product.received()).toMatchObject([{ sha256: sha256(bytes) }]);
  });

  it('sends storage the signed headers and nothing that belongs to the API', async () => {
    const app = launch(await newPhone());

    await (
      await app.uploads.start({ ...inParts, uri })
    ).done;

    expect(app.puts.map(({ headers }) => Object.keys(headers))).toEqual([[], []]);
  });

  it('reports both legs, growing from none to all', async () => {
    const app = launch(await newPhone({ filesAtOnce: 1 }));

    await (
      await app.uploads.start({ ...inParts, uri })
    ).done;

    const progress = app.changes.filter((change) => change.kind === 'progress');
    const staging = progress.filter(({ leg }) => leg === 'staging').map((change) => change.bytes);
    expect(staging[0]).toBe(0);
    expect(staging).toEqual(staging.toSorted((one, other) => one - other));
    expect(staging.at(-1)).toBe(bytes.length);
    expect(progress.at(-1)).toMatchObject({ leg: 'delivery', bytes: bytes.length, total: bytes.length });
  });

  it('is the same upload when it is started twice under one key', async () => {
    const app = launch(await newPhone());

    const starts = await Promise.all([1, 2].map(() => app.uploads.start({ ...inParts, uri, key: 'twice' })));

    expect(await starts[0]?.done).toEqual(await starts[1]?.done);
    expect(await product.received()).toHaveLength(1);
  });

  it('refuses a key that is no file name', async () => {
    const app = launch(await newPhone());

    await expect(app.uploads.start({ ...inParts, uri, key: '../x' })).rejects.toThrow(
      new TypeError('A key has 1 to 64 letters, digits, _ or -'),
    );
  });

  it('waits without a network, says so, and goes on when resumeAll is called', async () => {
    const phone = await newPhone();
    phone.goOffline();
    const app = launch(phone, undefined, { timing: { ...timing, longestDelayMs: 2 ** 30 } });
    const { done } = await app.uploads.start({ ...inParts, uri });
    await eventually(() => details(app.changes).length > 0);

    phone.goOnline();
    await app.uploads.resumeAll();

    expect(await done).toMatchObject({ kind: 'ended', upload: { status: 'delivered' } });
    expect(details(app.changes)).toEqual([`No answer from ${product.urls.apiUrl}`]);
    expect(await product.received()).toHaveLength(1);
  });

  it('waits while the user has to sign in, and goes on with the new token', async () => {
    let token = 'not a token';
    const app = launch(await newPhone(), undefined, { token: async () => token });
    const { done } = await app.uploads.start({ ...inParts, uri });
    await eventually(() => details(app.changes).length > 0);

    token = product.token;

    expect(await done).toMatchObject({ kind: 'ended', upload: { status: 'delivered' } });
  });

  it('gets fresh URLs when the first ones have expired, and sends no part to the other old ones', async () => {
    const process = (await newPhone({ filesAtOnce: 1 })).launch();
    const put: Platform['put'] = (file) =>
      process.puts.length === 0
        ? product.storage.later(2 * 3_600_000, () => process.platform.put(file))
        : process.platform.put(file);
    const { uploads } = launchAs(process, { platform: { ...process.platform, put } });

    const { key, done } = await uploads.start({ ...inParts, uri });

    expect(await done).toMatchObject({ kind: 'ended', upload: { status: 'delivered' } });
    expect(process.puts.map(({ name }) => name)).toEqual([`${key}.1`, `${key}.1`, `${key}.2`]);
  });

  it('ends with the reason when the bridge does not take the file, and deletes the copy', async () => {
    const phone = await newPhone();
    const app = launch(phone);
    await product.ipdSettings({ missingIssues: [issueId] });

    const { key, done } = await app.uploads.start({ ...inParts, uri });

    expect(await done).toMatchObject({ kind: 'refused', code: 'work_item_missing' });
    expect(await phone.files()).toEqual([`${key}.json`]);
  });

  it('ends with the reason when IPD does not take the file', async () => {
    await product.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const app = launch(await newPhone());

    const { done } = await app.uploads.start({ ...inParts, uri });

    expect(await done).toMatchObject({
      kind: 'ended',
      upload: { status: 'failed', error: { code: 'ipd_forbidden', message: expect.any(String) } },
    });
  });

  it('ends with the reason when the copy on the device is gone', async () => {
    const phone = await newPhone();
    phone.goOffline();
    const app = launch(phone);
    const { key, done } = await app.uploads.start({ ...inParts, uri });
    await eventually(() => details(app.changes).length > 0);

    await rm(join(directory, `phone-${phones}`, `${key}.data`));
    phone.goOnline();

    expect(await done).toEqual({ kind: 'refused', code: 'file_unreadable', detail: 'The copy is gone' });
  });

  it('takes an upload back', async () => {
    const phone = await newPhone();
    const dying = launch(phone, { step: 8, when: 'before' }, { timing: { ...timing, stallMs: 3_000 } });
    const { key } = await dying.uploads.start({ ...inParts, uri });
    await dying.died;
    const [job] = await launch(phone).uploads.list();

    await launch(phone).uploads.cancel(key);

    expect(await product.call(`GET /v1/uploads/${job?.id}`)).toMatchObject({ body: { status: 'cancelled' } });
    expect(await phone.files()).toEqual([]);
  });

  it('removes the copies that a process left which died before it wrote the upload down', async () => {
    const phone = await newPhone();
    const dying = launch(phone, { step: 2, when: 'after' });
    void dying.uploads.start({ ...inParts, uri });
    await dying.died;
    expect(await phone.files()).toHaveLength(1);

    expect(await launch(phone).uploads.resumeAll()).toEqual([]);

    expect(await phone.files()).toEqual([]);
  });

  it('keeps the outcome until the app forgets it', async () => {
    const phone = await newPhone();
    const { key, done } = await launch(phone).uploads.start({ ...inParts, uri });
    await done;
    const next = launch(phone);

    expect(await next.uploads.resumeAll()).toEqual([]);
    expect(await next.uploads.list()).toMatchObject([{ key, outcome: { kind: 'ended' } }]);
    await next.uploads.forget(key);

    expect(await phone.files()).toEqual([]);
  });
});

describe('background uploads after the death of the process', () => {
  it('goes on after a death at each step, attaches the file once and sends no stored part again', async () => {
    const whole = launch(await newPhone({ filesAtOnce: 1 }));
    await (
      await whole.uploads.start({ ...inParts, uri })
    ).done;
    await product.resetIpd();
    const deaths = Array.from({ length: whole.steps() }, (_, index) => index + 1).flatMap((step) => [
      { step, when: 'before' as const },
      { step, when: 'after' as const },
    ]);
    const queue = deaths.values();

    await Promise.all(
      Array.from({ length: 6 }, async () => {
        for (const death of queue) await dieAndGoOn(death);
      }),
    );

    const received = await product.received();
    const names = new Set(received.map(({ filename }) => filename));
    expect({ received: received.length, names: names.size }).toEqual({
      received: deaths.length,
      names: deaths.length,
    });
    expect(new Set(received.map((attachment) => attachment.sha256))).toEqual(new Set([sha256(bytes)]));
  });
});

async function dieAndGoOn(death: Death): Promise<void> {
  const phone = await newPhone({ filesAtOnce: 1 });
  const key = `step-${death.step}-${death.when}`;
  // A work item of its own: deliveries to one wait for each other.
  const item = `9562390671769${death.when === 'before' ? 1 : 2}${String(death.step).padStart(4, '0')}`;
  const file = { ...inParts, issueId: item, filename: `${key}.mp4`, uri, key };
  // What a dead process waits for never comes; its timers are those of this one.
  const dying = launch(phone, death, { timing: { ...timing, stallMs: 3_000 } });
  const ended = dying.uploads.start(file).then(({ done }) => done);
  // A delivery that takes fewer polls than that of the whole upload has fewer steps.
  await Promise.race([dying.died, ended]);

  const next = launch(phone);
  await next.uploads.resumeAll();
  // What was not written down yet, or has ended, the user starts again under the same key.
  const outcome = await (await next.uploads.start(file)).done;

  expect({ key, outcome }).toMatchObject({ outcome: { kind: 'ended', upload: { status: 'delivered' } } });
  const [job] = await next.uploads.list();
  expect({ key, parts: product.storage.storedParts(job?.id ?? '') }).toEqual({ key, parts: [1, 2] });
  expect({ key, files: await phone.files() }).toEqual({ key, files: [`${key}.json`] });
}
