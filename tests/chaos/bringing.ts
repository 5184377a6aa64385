/**
 * How a simulated client sends a file to storage: in one request, or in parts for which the API has signed URLs. For
 * parts, the client asks for the URLs of the missing ones, uses them until they expire, and may complete the upload.
 */
import { AbortMultipartUploadCommand } from '@aws-sdk/client-s3';
import { uploadIn } from './asking.ts';
import type { Ask, SignedPart, SignedRequest, UploadAnswer } from './asking.ts';
import type { Story } from './users.ts';
import type { World } from './world.ts';
import { MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

/** A PUT that was begun while its URL lived may take this long. */
const SLOW_PUT_MS = 40 * MINUTE_MS;
/** The client asks for URLs at most this often in one try. */
const MAX_ROUNDS = 6;

/** How one round of parts ended: storage took all, the upload is gone from storage, or the user stopped. */
type Round = 'all' | 'gone' | 'stopped';

/** Sends the file; `tryIndex` counts the tries from 0. */
export type Bring = (tryIndex: number) => Promise<void>;

/** Sends the file of an upload as the answer to its creation says. */
export function createBringing(
  created: UploadAnswer,
  { story, world, ask }: { story: Story; world: World; ask: Ask },
): Bring {
  const { time, faults, random, objects, storage, trace } = world;
  const { plan } = story;
  const { id, uploadDeadline } = created;
  const { mode, partSize = 1 } = created.staging;
  /** The parts in each multipart upload of S3; they are lost when it is removed. */
  const brought = new Map<string, Set<number>>();
  let hasDropped = false;

  /** Fresh URLs for what is missing; undefined when the API has none. */
  async function resign(): Promise<UploadAnswer | undefined> {
    const reply = await ask({ route: 'POST /v1/uploads/{id}/urls', parameters: { id } });
    if (reply.kind === 'refusal') {
      trace.note('user', `is refused: ${reply.code}`, id);
      if (reply.code === 'upload_state_conflict') await checkRefusal();
    }
    return uploadIn(reply);
  }

  /** The API must not refuse while the upload awaits its file, even when S3 has lost the multipart upload. */
  async function checkRefusal(): Promise<void> {
    const left = Date.parse(uploadDeadline) - time.now();
    const seen = uploadIn(await ask({ route: 'GET /v1/uploads/{id}', parameters: { id } }));
    // Nothing makes an upload await its file again.
    if (seen?.status === 'awaiting_upload' && left > MINUTE_MS) {
      world.surprises.push(`${trace.nameOf(id)} is awaited, and refused`);
    }
  }

  /** Through the presigned URL. When its life is over, the client asks for another one. */
  async function bringWhole(): Promise<void> {
    const request = await liveRequest();
    if (request === undefined) return;
    await time.sleep(random.int(0, 3 * SECOND_MS));
    const { status } = storage.put(request, plan.bytes);
    trace.note('user', status === 200 ? 'put the file' : `put the file, and storage answered ${status}`, id);
    if (status === 200 || status === 412) story.storedAt ??= time.now();
  }

  async function liveRequest(): Promise<SignedRequest | undefined> {
    const first = requestOf(created);
    return first !== undefined && storage.isAlive(first.url) ? first : requestOf(await resign());
  }

  async function bringParts(tryIndex: number): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const { parts } = (await resign())?.staging ?? {};
      if (parts === undefined) return;
      if (round + tryIndex > 0 && parts.length > 0) faults.count('partsResumed');
      const end = await putAll(parts, tryIndex);
      trace.note('user', `parts: ${end}`, id);
      if (end === 'stopped') return;
      if (end === 'all') return sayComplete();
    }
  }

  async function putAll(parts: SignedPart[], tryIndex: number): Promise<Round> {
    const { stopAt, dropAt, hasRepeats } = plan.parts;
    const total = parts.length;
    for (const [index, part] of shuffled(parts).entries()) {
      if (tryIndex === 0 && stopAt !== undefined && index >= stopAt * total) {
        faults.count('partsMissing');
        return 'stopped';
      }
      if (!hasDropped && dropAt !== undefined && index >= dropAt * total) drop(part);
      if (!storage.isAlive(part.url)) return 'gone';
      await time.sleep(random.chance(0.05) ? random.int(0, SLOW_PUT_MS) : random.int(0, 2 * SECOND_MS));
      if (!put(part)) return 'gone';
      if (!hasRepeats || !random.chance(0.5)) continue;
      faults.count('partTwice');
      put(part);
    }
    return 'all';
  }

  /** False when the upload is gone from storage. */
  function put(part: SignedPart): boolean {
    const { status } = storage.put(part, plan.bytes.subarray(part.offset, part.offset + part.length));
    if (status !== 200) return false;
    const multipart = storage.multipartOf(part.url);
    const numbers = (brought.get(multipart) ?? new Set()).add(part.number);
    brought.set(multipart, numbers);
    if (numbers.size === Math.ceil(plan.bytes.length / partSize)) story.storedAt ??= time.now();
    return true;
  }

  /** An operator removes the multipart upload from S3 by hand. */
  function drop(part: SignedPart): void {
    hasDropped = true;
    const begun = objects.begun().find(({ uploadId }) => uploadId === storage.multipartOf(part.url));
    if (begun === undefined) return;
    const { key, uploadId } = begun;
    objects.execute(new AbortMultipartUploadCommand({ Bucket: '', Key: key, UploadId: uploadId }));
    faults.count('partsDropped');
  }

  async function sayComplete(): Promise<void> {
    const { completeAfter } = plan.parts;
    if (completeAfter.length === 0) faults.count('notCompleted');
    if (completeAfter.length > 1) faults.count('completedTwice');
    await Promise.all(
      completeAfter.map(async (afterMs) => {
        await time.sleep(afterMs);
        const { kind } = await ask({ route: 'POST /v1/uploads/{id}/complete', parameters: { id } });
        trace.note('user', kind === 'answer' ? 'completes' : 'cannot complete', id);
      }),
    );
  }

  function shuffled<P>(parts: readonly P[]): P[] {
    return parts
      .map((part) => ({ part, at: random.random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ part }) => part);
  }

  return (tryIndex) => (mode === 'single' ? bringWhole() : bringParts(tryIndex));
}

function requestOf(upload: UploadAnswer | undefined): SignedRequest | undefined {
  const { url, headers = {} } = upload?.staging ?? {};
  return url === undefined ? undefined : { url, headers };
}
