import { describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { createPhoneInMemory } from '../../support/phone-in-memory.ts';
import { problem, storageRefusal } from '../../support/upload-answers.ts';
import { useQuickWaits } from '../../support/quick-waits.ts';

const about = { projectId: 'p', issueId: 'i', filename: 'film.mp4', contentType: 'video/mp4' };
const file = { ...about, uri: 'file:///picked', key: 'k' };
const whole = { ...file, mode: 'single' } as const;
const inParts = { ...file, mode: 'multipart' } as const;
const busy = storageRefusal(503, 'SlowDown', 'Reduce your request rate');
const PUT = /^put/;
useQuickWaits();

const twoParts = () => createPhoneInMemory({ partSize: 5 });
const offline = (): never => {
  throw new Error('There is no network');
};

/** More rounds of the event loop than it takes to cut and hand over all pieces. */
async function manyRounds(): Promise<void> {
  for (let count = 0; count < 50; count += 1) await setImmediate();
}

describe('a file in one piece', () => {
  it('is sent as its copy, from which nothing is cut', async () => {
    const phone = createPhoneInMemory();

    expect(await (await phone.launch().uploads.start(whole)).done).toMatchObject({ kind: 'ended' });

    expect(phone.stepsLike(/^(put|cut)/)).toEqual(['put k.data']);
  });

  it('is on the phone until storage has it', async () => {
    const phone = createPhoneInMemory();
    phone.fault('put k.data', busy);

    expect(await (await phone.launch().uploads.start(whole)).done).toMatchObject({ kind: 'ended' });

    expect(phone.stepsLike(PUT)).toEqual(['put k.data', 'put k.data']);
  });
});

describe('a file in parts', () => {
  it('has one piece at a time on a phone that sends one at a time', async () => {
    const phone = twoParts();
    let atSecond: string[] = [];
    phone.meanwhile('cut k.2', () => (atSecond = [...phone.files.keys()]));

    await (
      await phone.launch().uploads.start(inParts)
    ).done;

    expect(atSecond).toEqual(['k.data']);
  });

  it('is handed over in as many pieces at once as the phone takes', async () => {
    const phone = createPhoneInMemory({ partSize: 2, filesAtOnce: 3 });
    const isEnough = Promise.withResolvers<void>();
    for (const number of [1, 2, 3, 4]) phone.meanwhile(`put k.${number}`, () => isEnough.promise);
    const { done } = await phone.launch().uploads.start(inParts);
    await manyRounds();
    const handedOver = phone.stepsLike(PUT);

    isEnough.resolve();

    expect(await done).toMatchObject({ kind: 'ended' });
    expect(handedOver).toEqual(['put k.1', 'put k.2', 'put k.3']);
  });

  it('goes on at once with fresh URLs where storage has more of it than before', async () => {
    const phone = twoParts();
    phone.meanwhile('put k.2', phone.expireUrls);
    const { uploads, details } = phone.launch();

    expect(await (await uploads.start(inParts)).done).toMatchObject({ kind: 'ended' });

    expect(phone.stepsLike(PUT)).toEqual(['put k.1', 'put k.2', 'put k.2']);
    expect(details()).toEqual([]);
  });

  it('sends none of the other parts to URLs that have expired', async () => {
    const phone = twoParts();
    phone.meanwhile('put k.1', phone.expireUrls);

    await (
      await phone.launch().uploads.start(inParts)
    ).done;

    expect(phone.stepsLike(PUT)).toEqual(['put k.1', 'put k.1', 'put k.2']);
  });

  it('sends the other parts where storage refuses one that it may take later', async () => {
    const phone = twoParts();
    phone.fault('put k.1', busy);

    expect(await (await phone.launch().uploads.start(inParts)).done).toMatchObject({ kind: 'ended' });

    expect(phone.stepsLike(PUT)).toEqual(['put k.1', 'put k.2', 'put k.1']);
  });

  it('sends the other parts where the network fails one of them', async () => {
    const phone = twoParts();
    phone.meanwhile('put k.1', offline);

    expect(await (await phone.launch().uploads.start(inParts)).done).toMatchObject({ kind: 'ended' });

    expect(phone.stepsLike(PUT)).toEqual(['put k.1', 'put k.2', 'put k.1']);
  });

  it('sends none of the others once storage says that its bytes are wrong', async () => {
    const phone = twoParts();
    phone.fault('put k.1', storageRefusal(400, 'BadDigest', 'The hash is another one'));

    expect(await (await phone.launch().uploads.start(inParts)).done).toMatchObject({
      kind: 'refused',
      code: 'checksum_mismatch',
    });

    expect(phone.stepsLike(PUT)).toEqual(['put k.1']);
  });

  it('cuts no other piece once the app has forgotten it, and does not say that it waits', async () => {
    const phone = twoParts();
    const { uploads, details } = phone.launch();
    phone.meanwhile('put k.1', () => uploads.forget('k'));

    expect(await (await uploads.start(inParts)).done).toEqual({ kind: 'cancelled' });

    expect(phone.stepsLike(/^cut/)).toEqual(['cut k.1']);
    expect(details()).toEqual([]);
  });
});

describe('the id that the bridge gives', () => {
  it('is written down before anything is sent to storage', async () => {
    const phone = createPhoneInMemory();
    let record: string | undefined;
    phone.meanwhile('put k.data', () => (record = phone.records.get('k')));

    await (
      await phone.launch().uploads.start(whole)
    ).done;

    expect(JSON.parse(record ?? '')).toMatchObject({ key: 'k', id: phone.kept()?.upload.id });
  });

  it('is all that the next process asks for', async () => {
    const phone = createPhoneInMemory();
    phone.meanwhile('put k.data', () => new Promise(() => undefined));
    await phone.launch().uploads.start(whole);
    await manyRounds();
    phone.steps.length = 0;

    const [resumed] = await phone.launch().uploads.resumeAll();

    expect(await resumed?.done).toMatchObject({ kind: 'ended', upload: { status: 'delivered' } });
    expect(phone.stepsLike(/^POST/)).toEqual([
      'POST /uploads/:id/complete',
      'POST /uploads/:id/urls',
      'POST /uploads/:id/complete',
    ]);
  });
});

describe('what the bridge says of a file that was sent', () => {
  it.each([
    ['in one piece', whole, ['put k.data']],
    ['in parts', inParts, ['put k.1', 'put k.2']],
  ])('counts for one %s: it is not sent again while the bridge completes it', async (_how, sent, puts) => {
    const phone = twoParts();
    const complete = 'POST /uploads/:id/complete';
    phone.meanwhile(complete, () => Object.assign(phone.kept() ?? {}, { isArrived: false }));
    phone.fault(complete, problem(409, 'upload_state_conflict'));
    const { uploads, details } = phone.launch();

    expect(await (await uploads.start(sent)).done).toMatchObject({ upload: { status: 'delivered' } });

    expect(phone.stepsLike(PUT)).toEqual(puts);
    expect(details()).toEqual([]);
  });

  it('counts where it was cancelled elsewhere meanwhile', async () => {
    const phone = twoParts();
    phone.meanwhile('put k.1', () => Object.assign(phone.kept()?.upload ?? {}, { status: 'cancelled' }));
    const { uploads, details } = phone.launch();

    expect(await (await uploads.start(inParts)).done).toMatchObject({
      kind: 'ended',
      upload: { status: 'cancelled' },
    });

    expect(details()).toEqual([]);
  });

  it.each([
    [200, '', 'Storage does not keep the file'],
    [299, '', 'Storage does not keep the file'],
    [300, '', 'Storage answered 300'],
    [412, '<Error><Code>PreconditionFailed</Code></Error>', 'Storage does not keep the file'],
    [503, 'no XML', 'Storage answered 503'],
    [503, '<Error><Code>SlowDown</Code></Error>', 'Storage answered 503 SlowDown'],
  ])('is paused where storage answers %d %s and has not got it', async (status, body, detail) => {
    const phone = createPhoneInMemory();
    phone.fault('put k.data', { status, body });
    const { uploads, details } = phone.launch();

    expect(await (await uploads.start(whole)).done).toMatchObject({ kind: 'ended' });

    expect(details()).toEqual([detail]);
  });

  it('is no matter of errors of the token source, not even with such a code', async () => {
    const phone = createPhoneInMemory();
    const expired = Object.assign(new Error('Sign in again'), { code: 'upload_state_conflict' });
    const tokens = ['of create', undefined, 'of all others'];
    const { uploads, details } = phone.launch({
      token: async () => {
        const token = tokens.length > 1 ? tokens.shift() : tokens[0];
        if (token === undefined) throw expired;
        return token;
      },
    });

    expect(await (await uploads.start(whole)).done).toMatchObject({ kind: 'ended' });

    expect(details()).toEqual(['Sign in again']);
  });
});
