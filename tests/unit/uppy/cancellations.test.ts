import { describe, expect, it } from '@jest/globals';
import { UploadError } from '../../../packages/client/src/client.ts';
import { createCancellations } from '../../../packages/uppy/src/cancellations.ts';
import { answering, listening } from '../../support/uppy-host.ts';

const refusal = (status: number) => new UploadError({ code: 'c', detail: 'd', status });

/** Cancellations over a client that answers so. */
function open(answers: { status?: (string | Error)[]; cancel?: Error[] } = {}) {
  const { client, calls } = answering(answers);
  const { host, said, logged, goOnline } = listening();
  const words = (key: string, { file = '' } = {}): string => `${key} ${file}`;
  return { cancellations: createCancellations({ client, host, words }), calls, said, logged, goOnline };
}

const settled = () => new Promise(setImmediate);
const tooLate = [['tooLate a.png', 'warning', 5000]];

describe('the cancellation of a removed file', () => {
  it('asks for the state of its upload, and cancels it', async () => {
    const { cancellations, calls, said } = open();

    cancellations.run(cancellations.plan('k', 'a.png'), 'u');
    await settled();

    expect(calls).toEqual(['status u', 'cancel u']);
    expect(said).toEqual([]);
  });

  it('does nothing without an upload', async () => {
    const { cancellations, calls } = open();

    cancellations.run(cancellations.plan('k', 'a.png'), undefined);
    await settled();

    expect(calls).toEqual([]);
  });

  it('says that it comes too late where IPD has the file, and takes no link back', async () => {
    const { cancellations, calls, said } = open({ status: ['delivered'] });

    cancellations.run(cancellations.plan('k', 'a.png'), 'u');
    await settled();

    expect(calls).toEqual(['status u']);
    expect(said).toEqual(tooLate);
  });

  it('says so, too, where the bridge refuses it', async () => {
    const { cancellations, said, logged } = open({ cancel: [refusal(409)] });

    cancellations.run(cancellations.plan('k', 'a.png'), 'u');
    await settled();

    expect(said).toEqual(tooLate);
    expect(logged).toEqual([]);
  });

  it('waits for a network where there is none', async () => {
    const { cancellations, calls, logged, goOnline } = open({ status: [refusal(0)] });
    cancellations.run(cancellations.plan('k', 'a.png'), 'u');
    await settled();
    expect(calls).toEqual(['status u']);

    goOnline();
    await settled();

    expect(calls).toEqual(['status u', 'status u', 'cancel u']);
    expect(logged).toEqual([]);
  });

  it('is over where the upload is gone, and logs any other error', async () => {
    const mistake = new TypeError('a mistake');
    const { cancellations, said, logged } = open({ status: [refusal(404), refusal(500), mistake] });

    for (let count = 0; count < 3; count += 1) {
      cancellations.run(cancellations.plan('k', 'a.png'), 'u');
      await settled();
    }

    expect(logged).toEqual([
      [refusal(500), 'warning'],
      [mistake, 'warning'],
    ]);
    expect(said).toEqual([]);
  });
});

describe('a file that is sent again', () => {
  it('is not cancelled by what was planned before', async () => {
    const { cancellations, calls } = open();
    const cancellation = cancellations.plan('k', 'a.png');

    await cancellations.drop('k');
    cancellations.run(cancellation, 'u');
    await settled();

    expect(calls).toEqual([]);
  });

  it('is not cancelled by a cancellation that has not got beyond its first question', async () => {
    const { cancellations, calls } = open();
    cancellations.run(cancellations.plan('k', 'a.png'), 'u');

    await cancellations.drop('k');

    expect(calls).toEqual(['status u']);
  });

  it('waits until no cancellation of its key is under way, also an earlier one', async () => {
    const { cancellations, calls } = open();
    const first = cancellations.plan('k', 'a.png');
    cancellations.run(first, 'u');
    cancellations.plan('k', 'a.png');
    let isOver = false;

    const dropped = cancellations.drop('k').then(() => (isOver = true));
    expect(isOver).toBe(false);
    await dropped;

    expect(calls).toEqual(['status u', 'cancel u']);
  });

  it('waits for nothing where nothing was planned', async () => {
    const { cancellations, calls } = open();

    await cancellations.drop('k');

    expect(calls).toEqual([]);
  });
});
