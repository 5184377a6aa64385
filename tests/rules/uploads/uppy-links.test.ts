import { describe, expect, it } from '@jest/globals';
import { LARGEST_ATTACHMENT, linking } from '../../support/links.ts';
import { caller, issueId, projectId } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });

const sessionFor = (size: number) => ({
  projectId,
  issueId,
  files: [{ name: 'a.bin', type: 'a/b', size }],
});

describe('an upload in an Uppy session', () => {
  it.each([
    [LARGEST_ATTACHMENT, undefined],
    [LARGEST_ATTACHMENT + 1, LARGEST_ATTACHMENT],
  ])('that may have %i bytes ends as a link above %p', async (size, mostAttached) => {
    const { ticket } = await world.uppy.open(caller, sessionFor(size));

    const { uploadId } = await world.uppy.beginParts(ticket, { filename: 'a.bin', type: 'a/b' });

    const upload = await world.find(uploadId);
    expect(upload.maxSize).toBe(size);
    expect(upload.mostAttached).toBe(mostAttached);
  });
});
