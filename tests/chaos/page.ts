/**
 * A page with Uppy: opens a session, then sends the file in one form, or in parts. The page chooses the size of the
 * parts, has each one signed, and lists them when it completes. Only the page knows whether they make the file.
 */
import { PutObjectCommand, S3ServiceException, UploadPartCommand } from '@aws-sdk/client-s3';
import type { NamedPart } from '../../lib/uploads/stage.ts';
import { AppError } from '../../lib/domain/errors.ts';
import type { Services } from '../../lib/services.ts';
import { stagingKey } from '../../lib/domain/upload.ts';
import { createAsk } from './asking.ts';
import type { Bring } from './bringing.ts';
import type { Platform } from './platform.ts';
import { caller, projectId } from './users.ts';
import type { Story } from './users.ts';
import type { World } from './world.ts';
import { SECOND_MS } from '../../lib/domain/units.ts';

/** A PUT that was begun while its URL lived may take this long. */
const SLOW_PUT_MS = 2400 * SECOND_MS;
const type = 'application/octet-stream';

/** What a page knows of a file that it has begun. */
type Begun = { ticket: string; id: string; key: string; until: number };

/** Begins the upload of a story in one call of the API each time it is asked to. */
export function createPage({ story, world, platform }: { story: Story; world: World; platform: Platform }) {
  const { time, faults, random, objects, trace, config } = world;
  const { plan } = story;
  const { bytes, filename, issueId } = plan;

  /** A session for this file, and the upload with it. */
  async function begin({ uppy }: Services): Promise<Begun> {
    const size = plan.isTooLong ? Math.max(bytes.length - 1, 1) : bytes.length;
    const files = [{ name: filename, type, size }];
    const { ticket } = await uppy.open(caller, { projectId, issueId, files });
    const file = { filename, type };
    if (plan.mode === 'page parts') {
      const { uploadId, key } = await uppy.beginParts(ticket, file);
      return { ticket, id: uploadId, key, until: Infinity };
    }
    const { fields, expires } = await uppy.form(ticket, file);
    const { key = '' } = fields;
    return { ticket, id: key.slice(stagingKey('').length), key, until: time.now() + expires * SECOND_MS };
  }

  /** Storage takes a form again and again while it lives, but never more bytes than it allows. */
  async function postForm({ id, key, until }: Begun, due: number): Promise<void> {
    if (due >= until || plan.isTooLong) return;
    await time.sleep(random.int(0, 3 * SECOND_MS));
    objects.execute(new PutObjectCommand({ Bucket: '', Key: key, Body: bytes }));
    trace.note('user', 'posted the file', id);
    story.isPut = true;
  }

  async function bringParts({ ticket, id, key }: Begun, tryIndex: number): Promise<void> {
    const ask = createAsk(id, { world, platform });
    const reference = { uploadId: id, key };
    const stored = tryIndex === 0 ? [] : await ask(({ uppy }) => uppy.listParts(ticket, reference));
    if (stored === undefined) return;
    if (stored.length > 0) faults.count('partsResumed');
    const named = new Map<number, NamedPart>(stored.map((part) => [part.number, part]));
    const pieces = cut();
    for (const [index, piece] of pieces.entries()) {
      const number = index + 1;
      const { stopAt } = plan.parts;
      if (tryIndex === 0 && stopAt !== undefined && index >= stopAt * pieces.length) {
        faults.count('partsMissing');
        return;
      }
      if (named.has(number)) continue;
      const signed = await ask(({ uppy }) => uppy.signPart(ticket, { ...reference, number }));
      if (signed === undefined) return;
      await time.sleep(random.chance(0.03) ? random.int(0, SLOW_PUT_MS) : random.int(0, SECOND_MS));
      const etag = put({ key, url: signed.url, number, piece });
      if (etag === undefined) return;
      // One Uppy keeps the quotes, another does not.
      named.set(number, { number, etag: random.chance(0.5) ? etag : etag.replaceAll('"', '') });
    }
    await Promise.all(
      plan.parts.completeAfter.map(async (afterMs) => {
        await time.sleep(afterMs);
        const answer = await ask(({ uppy }) => uppy.complete(ticket, reference, [...named.values()]));
        trace.note('user', answer === undefined ? 'cannot complete' : 'completes', id);
        if (objects.has(key) || world.find(id)?.etag !== undefined) story.isPut = true;
      }),
    );
  }

  /** The part's ETag; undefined when storage does not know the upload any more. */
  function put(part: { key: string; url: string; number: number; piece: Buffer }): string | undefined {
    const UploadId = new URL(part.url).searchParams.get('uploadId') ?? '';
    const target = { Bucket: '', Key: part.key, UploadId, PartNumber: part.number };
    try {
      const answer = objects.execute(new UploadPartCommand({ ...target, Body: part.piece }));
      return 'ETag' in answer ? String(answer.ETag) : undefined;
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw error;
      return undefined;
    }
  }

  function cut(): Buffer[] {
    const length = config.limits.partSizeBytes;
    return Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
      bytes.subarray(index * length, (index + 1) * length),
    );
  }

  /** One try; undefined or the refusal when there is nothing to bring the file to. */
  return async (): Promise<{ id: string; bring: Bring } | AppError | undefined> => {
    const begun = await platform.api(begin);
    if (begun === undefined || begun instanceof AppError) return begun;
    const bring: Bring = (due, tryIndex) =>
      plan.mode === 'page parts' ? bringParts(begun, tryIndex) : postForm(begun, due);
    return { id: begun.id, bring };
  };
}
