/**
 * A page with Uppy: opens a session, then sends the file in one form, or in parts. The page chooses the size of the
 * parts, has each one signed, and lists them when it completes. Only the page knows whether they make the file.
 */
import { z } from 'zod';
import type { Ask, Reply } from './asking.ts';
import type { Bring } from './bringing.ts';
import { contentType, projectId } from './users.ts';
import type { Story } from './users.ts';
import type { World } from './world.ts';
import { SECOND_MS } from '../../lib/domain/units.ts';

/** A PUT that was begun while its URL lived may take this long. */
const SLOW_PUT_MS = 2400 * SECOND_MS;
const S3 = '/v1/uppy/{ticket}/s3';

const session = z.object({ companionEndpoint: z.string() });
const formAnswer = z.object({ fields: z.record(z.string(), z.string()) });
const reference = z.object({ uploadId: z.string(), key: z.string() });
const urlAnswer = z.object({ url: z.string() });
const partList = z.array(z.object({ PartNumber: z.int(), ETag: z.string() }));

/** A begun file, and how the page sends it; or the refusal. */
export type Beginning = { kind: 'begun'; id: string; bring: Bring } | Extract<Reply, { kind: 'refusal' }>;

/** Begins the upload of a story each time it is asked to, in a session of its own. */
export function createPage({ story, world, ask }: { story: Story; world: World; ask: Ask }) {
  const { time, faults, random, storage, trace, config } = world;
  const { plan } = story;
  const { bytes, filename, issueId } = plan;
  const file = { filename, type: contentType };
  const query = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();

  async function begin(): Promise<Beginning> {
    const size = plan.isTooLong ? Math.max(bytes.length - 1, 1) : bytes.length;
    const body = { projectId, issueId, files: [{ name: filename, type: contentType, size }] };
    const opened = await ask({ route: 'POST /v1/uppy-sessions', body });
    if (opened.kind === 'refusal') return opened;
    const { companionEndpoint } = session.parse(opened.body);
    const parameters = { ticket: companionEndpoint.split('/').at(-1) ?? '' };
    // The page's calls carry the ticket and no token.
    const call = { claims: null, parameters };
    if (plan.mode === 'page parts') {
      // A ticket is good for three beginnings.
      const begun = await ask({ ...call, route: `POST ${S3}/multipart`, body: file }, { maxCalls: 3 });
      if (begun.kind === 'refusal') return begun;
      const { uploadId, key } = reference.parse(begun.body);
      const about = { parameters: { ...parameters, uploadId }, key };
      return { kind: 'begun', id: uploadId, bring: (tryIndex) => bringParts(about, tryIndex) };
    }
    const signed = await ask({ ...call, route: `GET ${S3}/params`, query: query(file) }, { maxCalls: 3 });
    if (signed.kind === 'refusal') return signed;
    const { fields } = formAnswer.parse(signed.body);
    const id = fields['key']?.split('/').at(-1) ?? '';
    return { kind: 'begun', id, bring: () => postForm(id, fields) };
  }

  /** Storage takes a form again and again while it lives, but never more bytes than it allows. */
  async function postForm(id: string, fields: Record<string, string>): Promise<void> {
    await time.sleep(random.int(0, 3 * SECOND_MS));
    const { status } = storage.post(fields, bytes);
    trace.note(
      'user',
      status === 200 ? 'posted the file' : `posted the file, and storage answered ${status}`,
      id,
    );
    if (status === 200) story.storedAt ??= time.now();
  }

  async function bringParts(
    { parameters, key }: { parameters: { ticket: string; uploadId: string }; key: string },
    tryIndex: number,
  ): Promise<void> {
    const id = parameters.uploadId;
    const call = { claims: null, parameters, query: query({ key }) };
    const named = new Map<number, string>();
    if (tryIndex > 0) {
      const listed = await ask({ ...call, route: `GET ${S3}/multipart/{uploadId}` });
      if (listed.kind === 'refusal') return;
      for (const { PartNumber, ETag } of partList.parse(listed.body)) named.set(PartNumber, ETag);
      if (named.size > 0) faults.count('partsResumed');
    }
    const pieces = cut();
    for (const [index, piece] of pieces.entries()) {
      const number = index + 1;
      const { stopAt } = plan.parts;
      if (tryIndex === 0 && stopAt !== undefined && index >= stopAt * pieces.length) {
        faults.count('partsMissing');
        return;
      }
      if (named.has(number)) continue;
      const etag = await bringPart(number, piece);
      if (etag === undefined) return;
      // One Uppy keeps the quotes, another does not.
      named.set(number, random.chance(0.5) ? etag : etag.replaceAll('"', ''));
    }
    const body = { parts: [...named].map(([PartNumber, ETag]) => ({ PartNumber, ETag })) };
    await Promise.all(
      plan.parts.completeAfter.map(async (afterMs) => {
        await time.sleep(afterMs);
        const { kind } = await ask({ ...call, route: `POST ${S3}/multipart/{uploadId}/complete`, body });
        trace.note('user', kind === 'answer' ? 'completes' : 'cannot complete', id);
        if (kind === 'answer') story.storedAt ??= time.now();
      }),
    );

    /** The part's ETag; undefined when it cannot be brought. */
    async function bringPart(number: number, piece: Buffer): Promise<string | undefined> {
      const signed = await ask({
        ...call,
        route: `GET ${S3}/multipart/{uploadId}/{partNumber}`,
        parameters: { ...parameters, partNumber: String(number) },
      });
      if (signed.kind === 'refusal') return undefined;
      await time.sleep(random.chance(0.03) ? random.int(0, SLOW_PUT_MS) : random.int(0, SECOND_MS));
      return storage.put(urlAnswer.parse(signed.body), piece).etag;
    }
  }

  function cut(): Buffer[] {
    const length = config.limits.partSizeBytes;
    return Array.from({ length: Math.ceil(bytes.length / length) }, (_, index) =>
      bytes.subarray(index * length, (index + 1) * length),
    );
  }

  return begin;
}
