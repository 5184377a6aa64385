import { describe, expect, it } from '@jest/globals';
import { toMessage } from '../../../lib/messaging/notifications.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { iso, legal, policy, start, uploadsByState } from '../domain/transition-samples.ts';

/** The message of an end, as it is sent. */
function messageOf(state: string, more: object = {}): unknown {
  const upload: Upload = legal(Object.assign({}, uploadsByState[state], more));
  return JSON.parse(JSON.stringify(toMessage(upload, { type: 'UploadDelivered', at: iso(start) })));
}

const id = '00000000-0000-4000-8000-000000000000';
const common = {
  source: { kind: 'api' },
  id,
  owner: 'user-1',
  uploadedBy: 'Li Wei',
  projectId: 'p',
  issueId: 'i',
  filename: 'f',
  contentType: 'a/b',
  size: 10,
  sha256: 'a'.repeat(64),
  createdAt: iso(start),
  attachment: null,
  link: null,
  error: null,
};
const more = { uploadedBy: 'Li Wei', sha256: 'a'.repeat(64) };

describe('a message to subscribers', () => {
  it('has each member in its place', () => {
    expect(messageOf('delivered', more)).toEqual({
      version: '1',
      type: 'UploadDelivered',
      deduplicationId: `${id}-UploadDelivered-${start}`,
      time: iso(start),
      upload: { ...common, status: 'delivered', attachment: { id: '1' } },
    });
  });

  it('names a link, and its removal', () => {
    expect(messageOf('linked', more)).toMatchObject({
      upload: {
        ...common,
        status: 'delivered',
        link: { id: '9', expiresAt: iso(start + policy.linkedFileMs) },
      },
    });
    expect(messageOf('removed', more)).toMatchObject({
      upload: { ...common, status: 'removed', removal: { at: iso(start), by: 'owner' } },
    });
  });

  it('names the error', () => {
    expect(messageOf('failed', more)).toMatchObject({
      upload: { ...common, status: 'failed', error: { code: 'ipd_refused', at: iso(start) } },
    });
  });
});
