import { describe, expect, it } from '@jest/globals';
import { frameOverhead } from '../../../lib/ipd/form.ts';
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

  it('ends as a link above what IPD takes under its own name and type', async () => {
    const about = { filename: '报告.pdf', contentType: 'application/pdf' };
    const ipd = { ...world.config.ipd, auth: 'aksk' as const };
    const { uppy } = world.build({ config: { ipd, maxFileBytes: 50_000_000 } });
    const { ticket } = await uppy.open(caller, sessionFor(12_000_000));

    const { uploadId } = await uppy.beginParts(ticket, { filename: about.filename, type: about.contentType });

    const mostAttached = 12_000_000 - frameOverhead({ field: 'attachment', ...about });
    expect(await world.find(uploadId)).toMatchObject({ mostAttached });
  });
});
