import { describe, expect, it } from '@jest/globals';
import { UploadError } from '../../../packages/client/src/client.ts';
import type { Upload } from '../../../packages/client/src/client.ts';
import { needsPage, viewOf } from '../../../page/src/transfer.ts';
import type { Transfer } from '../../../page/src/transfer.ts';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const CLOSE = 'You can close this page: the rest needs no help.';

function upload(changes: Partial<Upload>): Upload {
  return {
    id: '1c9a7f0e-0000-4000-8000-000000000000',
    status: 'staged',
    projectId: '0123456789abcdef0123456789abcdef',
    issueId: '956239067176935400',
    filename: 'a.mp4',
    contentType: 'video/mp4',
    size: 1000,
    createdAt: '2026-11-26T11:00:00Z',
    updatedAt: '2026-11-26T11:00:00Z',
    uploadDeadline: '2026-11-27T11:00:00Z',
    staging: { mode: 'single', bytesStored: 0 },
    delivery: { endsAs: 'attachment', attempts: 0, bytesSent: 0 },
    attachment: null,
    link: null,
    error: null,
    ...changes,
  };
}

function transfer(changes: Partial<Transfer>): Transfer {
  return { name: 'a.mp4', size: 1000, activity: 'running', staged: 0, passedOn: 0, ...changes };
}

function failure(code: string, retryable: boolean): Upload {
  const error = { code, message: 'The words of the API.', retryable, at: '2026-11-26T11:00:00Z' };
  return upload({ status: 'failed', error });
}

const file = new File(['x'], 'a.mp4');

const AS_LINK = 'This file cannot be attached: the work item gets a link to it.';
const url = 'https://bridge.example.com/v1/files/1c9a7f0e-0000-4000-8000-000000000000/secret';
const linked = upload({
  status: 'delivered',
  delivery: { endsAs: 'link', attempts: 1, bytesSent: 1000 },
  link: { id: '7', url, expiresAt: '2027-11-26T11:00:00Z' },
});

describe('the one bar of a file', () => {
  it.each([
    ['nothing is sent', { upload: upload({ status: 'awaiting_upload' }) }, 0],
    ['half of it is stored', { staged: 500, upload: upload({ status: 'awaiting_upload' }) }, 0.25],
    ['all of it is stored', { upload: upload({}) }, 0.5],
    ['half of it is passed on', { passedOn: 500, upload: upload({ status: 'delivering' }) }, 0.75],
    ['IPD is asked whether it has it', { passedOn: 1000, upload: upload({ status: 'unconfirmed' }) }, 1],
    ['its size is not certain', { size: undefined, upload: upload({ size: null }) }, 0],
  ])('when %s', (_when, changes, share) => {
    expect(viewOf(transfer(changes), NOW).share).toBe(share);
  });

  it.each(['delivered', 'failed', 'expired', 'cancelled', 'removed'])('is gone when it is %s', (status) => {
    expect(viewOf(transfer({ activity: 'none', upload: upload({ status }) }), NOW).share).toBeUndefined();
  });
});

describe('what the list says', () => {
  it.each([
    ['queued', { activity: 'queued' as const }, ['active', 'Waits for the others', '', ['cancel']]],
    ['staged', { upload: upload({}) }, ['active', 'Uploaded, next is IPD', CLOSE, ['cancel']]],
    [
      'delivering, which cannot be cancelled',
      { upload: upload({ status: 'delivering' }) },
      ['active', 'Passing on to IPD', CLOSE, []],
    ],
    [
      'in doubt',
      { upload: upload({ status: 'unconfirmed' }) },
      ['active', 'Checking whether IPD has it', CLOSE, []],
    ],
    [
      'of a status that is newer than the page',
      { upload: upload({ status: 'polishing' }) },
      ['active', 'Uploaded, next is IPD', CLOSE, []],
    ],
    [
      'without its file after a reload',
      {
        activity: 'none' as const,
        upload: upload({ status: 'awaiting_upload', staging: { mode: 'multipart', bytesStored: 400 } }),
      },
      [
        'paused',
        'Not uploaded completely',
        'Pick the same file again to go on: 400 bytes of 1 kB are there already.',
        ['pick', 'cancel'],
      ],
    ],
    [
      'removed in IPD since',
      { activity: 'none' as const, file, replay: 'gone' as const, upload: upload({ status: 'delivered' }) },
      [
        'failed',
        'No longer in the work item',
        'It was attached before, but was removed in IPD since. It was not sent again.',
        ['again', 'remove'],
      ],
    ],
    [
      'perhaps attached',
      { activity: 'none' as const, upload: failure('outcome_unknown', true) },
      [
        'failed',
        'May be attached',
        'IPD may have it, but does not say so. Check the work item before you try again.',
        ['retry', 'remove'],
      ],
    ],
    [
      'changed under way, with the file there',
      { activity: 'none' as const, file, upload: failure('checksum_mismatch', false) },
      [
        'failed',
        'Not attached',
        'The file has changed while it was uploaded. Pick it again.',
        ['retry', 'remove'],
      ],
    ],
    [
      'failed with a code that is newer than the page',
      { activity: 'none' as const, upload: failure('ipd_on_strike', false) },
      ['failed', 'Not attached', 'The words of the API.', ['remove']],
    ],
    [
      'too late',
      { activity: 'none' as const, upload: upload({ status: 'expired' }) },
      ['failed', 'Not uploaded in time', 'Pick the file again to start anew.', ['pick', 'remove']],
    ],
    [
      'given up by the page',
      {
        activity: 'none' as const,
        file,
        trouble: new UploadError({ code: 'project_forbidden', detail: 'No.', retryable: false }),
      },
      ['failed', 'Not attached', 'You may not attach files in this project.', ['retry', 'remove']],
    ],
    [
      'of a file that the browser cannot read any more',
      {
        activity: 'none' as const,
        file,
        trouble: new UploadError({ code: 'file_unreadable', detail: 'Gone.', retryable: false }),
      },
      [
        'failed',
        'Not attached',
        'The file cannot be read, or has changed. Pick it again.',
        ['pick', 'remove'],
      ],
    ],
  ])('of one that is %s', (_what, changes, [tone, state, note, actions]) => {
    expect(viewOf(transfer(changes), NOW)).toMatchObject({ tone, state, note, actions });
  });

  it('of one that waits for IPD names the time and the reason', () => {
    const error = {
      code: 'ipd_throttled',
      message: 'IPD asks for fewer requests; it is tried again.',
      retryable: true,
      at: '2026-11-26T11:00:00Z',
    };
    const nextAttemptAt = new Date(NOW + 90_000).toISOString();
    const waiting = upload({
      status: 'waiting',
      error,
      delivery: { endsAs: 'attachment', attempts: 1, bytesSent: 0, nextAttemptAt },
    });

    const { state, note } = viewOf(transfer({ upload: waiting }), NOW);

    expect(state).toMatch(/^IPD was not ready, next try at \d{1,2}:\d\d/);
    expect(note).toBe(`IPD asks for fewer requests; it is tried again. ${CLOSE}`);
  });

  it.each([
    ['offline', 'Paused, no connection', ''],
    ['busy', 'Paused, the service is busy', 'It goes on by itself.'],
    ['asleep', 'Paused, the service does not answer', 'It goes on by itself.'],
  ])('of one that is paused, being %s', (pausedBy, state, note) => {
    const changes = { pausedBy, staged: 500, upload: upload({ status: 'awaiting_upload' }) };

    expect(viewOf(transfer(changes), NOW)).toEqual({
      tone: 'paused',
      state,
      note,
      share: 0.25,
      actions: ['cancel'],
    });
  });
});

describe('a file that ends as a link', () => {
  const awaited = upload({
    status: 'awaiting_upload',
    delivery: { endsAs: 'link', attempts: 0, bytesSent: 0 },
  });

  it.each([
    ['by the limits, until the API has answered', { isLarge: true }, AS_LINK],
    ['by the answer of the API', { upload: awaited }, AS_LINK],
    [
      'by the answer of the API alone, once there is one',
      { isLarge: true, upload: upload({ status: 'awaiting_upload' }) },
      '',
    ],
  ])('says so before it is sent, %s', (_by, changes, note) => {
    expect(viewOf(transfer(changes), NOW).note).toBe(note);
    expect(viewOf(transfer({ ...changes, activity: 'queued' }), NOW).note).toBe(note);
  });

  it('can be opened and removed, and says until when it is there', () => {
    const view = viewOf(transfer({ activity: 'none', file, upload: linked }), NOW);

    expect(view).toMatchObject({ tone: 'done', actions: ['withdraw'], url });
    expect(view.state).toMatch(/^Linked, /);
    expect(view.note).toBe('The link in the work item works until November 26, 2027.');
  });

  it('can be sent once more when it was linked before', () => {
    const view = viewOf(transfer({ activity: 'none', file, replay: 'there', upload: linked }), NOW);

    expect(view).toMatchObject({ tone: 'done', actions: ['again', 'withdraw'], url });
    expect(view.state).toMatch(/^Linked before, /);
  });

  it('is still there when it could not be removed, and says why', () => {
    const trouble = new UploadError({ code: 'unavailable', detail: 'No.', retryable: true });

    const view = viewOf(transfer({ activity: 'none', upload: linked, trouble }), NOW);

    expect(view).toMatchObject({ actions: ['withdraw'], url });
    expect(view.note).toBe(
      'It is still there, since it could not be removed: The service is not available at the moment. Try again.',
    );
  });

  it.each([
    ['owner' as const, ''],
    ['expiry' as const, 'Its time was over.'],
  ])('is quiet once it is removed by %s', (by, note) => {
    const removal = { at: '2026-11-26T11:00:00Z', by };
    const removed = upload({ ...linked, status: 'removed', link: null, removal });

    expect(viewOf(transfer({ activity: 'none', upload: removed }), NOW)).toMatchObject({
      tone: 'quiet',
      state: 'Removed, the link does not work any more',
      note,
      actions: ['remove'],
    });
  });
});

describe('closing the page', () => {
  it.each([
    ['queued', transfer({ activity: 'queued' }), true],
    ['being uploaded', transfer({ upload: upload({ status: 'awaiting_upload' }) }), true],
    ['with the bridge', transfer({ upload: upload({}) }), false],
    [
      'waiting for its file',
      transfer({ activity: 'none', upload: upload({ status: 'awaiting_upload' }) }),
      false,
    ],
  ])('loses a file that is %s: %p', (_what, given, isNeeded) => {
    expect(needsPage(given)).toBe(isNeeded);
  });
});
