/**
 * How a simulated client sends a file to storage: in one request, or in parts for which the API has signed URLs. For
 * parts, the client asks for the URLs of the missing ones, uses them until they expire, and may complete the upload.
 */
import {
  AbortMultipartUploadCommand,
  PutObjectCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { AppError } from '../../lib/domain/errors.ts';
import type { SignedPart } from '../../lib/storage/presigning.ts';
import { stagingKey } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { createAsk } from './asking.ts';
import type { Platform } from './platform.ts';
import { caller } from './users.ts';
import type { Story } from './users.ts';
import type { World } from './world.ts';
import { MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

/** A PUT that was begun while its URL lived may take this long. */
const SLOW_PUT_MS = 40 * MINUTE_MS;
/** The client asks for URLs at most this often in one try. */
const MAX_ROUNDS = 6;

/** How one round of parts ended: storage took all, the upload is gone from storage, or the user stopped. */
type Round = 'all' | 'gone' | 'stopped';

/** Sends the file: `due` is the moment at which it begins, `tryIndex` counts the tries from 0. */
export type Bring = (due: number, tryIndex: number) => Promise<void>;

/** Sends the file of an upload as its record says. */
export function createBringing(
  { id, multipart }: Upload,
  { story, world, platform }: { story: Story; world: World; platform: Platform },
): Bring {
  const { time, faults, random, objects, trace } = world;
  const { plan } = story;
  const key = stagingKey(id);
  const ask = createAsk(id, { world, platform, onRefusal });
  /** The parts in each multipart upload of S3; they are lost when it is removed. */
  const brought = new Map<string, Set<number>>();
  let hasDropped = false;

  /** Through the presigned URL, whose life ends with the upload's deadline at the latest. */
  async function bringWhole(due: number): Promise<void> {
    const deadline = Date.parse(world.find(id)?.uploadDeadline ?? '');
    if (due >= deadline) return;
    await time.sleep(Math.min(random.int(0, 3 * SECOND_MS), deadline + SLOW_PUT_MS - time.now()));
    try {
      objects.execute(new PutObjectCommand({ Bucket: '', Key: key, Body: plan.bytes, IfNoneMatch: '*' }));
      trace.note('user', 'put the file', id);
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw error;
      trace.note('user', 'has put the file already', id);
    }
    story.isPut = true;
  }

  /** The API must not refuse while the upload awaits its file, even when S3 has lost the multipart upload. */
  function onRefusal({ code }: AppError): void {
    const upload = world.find(id);
    const left = Date.parse(upload?.uploadDeadline ?? '') - time.now();
    if (code === 'upload_state_conflict' && upload?.status === 'awaiting_upload' && left > MINUTE_MS) {
      world.surprises.push(`${trace.nameOf(id)} is awaited, and refused`);
    }
  }

  async function bringParts(tryIndex: number): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const view = await ask((services) => services.uploads.resign(caller, id));
      const { presigned } = view ?? {};
      if (presigned === undefined || !('parts' in presigned)) return;
      if (round + tryIndex > 0 && presigned.parts.length > 0) faults.count('partsResumed');
      const until = time.now() + presigned.expiresInSeconds * SECOND_MS;
      const end = await putAll(presigned.parts, { until, tryIndex });
      trace.note('user', `parts: ${end}`, id);
      if (end === 'stopped') return;
      if (end === 'all') return sayComplete();
    }
  }

  async function putAll(
    parts: SignedPart[],
    { until, tryIndex }: { until: number; tryIndex: number },
  ): Promise<Round> {
    const { stopAt, dropAt, hasRepeats } = plan.parts;
    const total = parts.length;
    for (const [index, part] of shuffled(parts).entries()) {
      if (tryIndex === 0 && stopAt !== undefined && index >= stopAt * total) {
        faults.count('partsMissing');
        return 'stopped';
      }
      if (!hasDropped && dropAt !== undefined && index >= dropAt * total) drop(part);
      if (time.now() >= until) return 'gone';
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
    const { uploadId, body } = read(part);
    const target = { Bucket: '', Key: key, UploadId: uploadId, PartNumber: part.number };
    try {
      objects.execute(new UploadPartCommand({ ...target, Body: body }));
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw error;
      return false;
    }
    const numbers = (brought.get(uploadId) ?? new Set()).add(part.number);
    brought.set(uploadId, numbers);
    if (numbers.size === Math.ceil(plan.bytes.length / (multipart?.partSize ?? 1))) story.isPut = true;
    return true;
  }

  /** An operator removes the multipart upload from S3 by hand. */
  function drop(part: SignedPart): void {
    const { uploadId } = read(part);
    hasDropped = true;
    if (!objects.begun().some((begun) => begun.uploadId === uploadId)) return;
    objects.execute(new AbortMultipartUploadCommand({ Bucket: '', Key: key, UploadId: uploadId }));
    faults.count('partsDropped');
    trace.note('user', "S3's upload is removed", id);
  }

  function read({ url, offset, length }: SignedPart): { uploadId: string; body: Buffer } {
    const uploadId = new URL(url).searchParams.get('uploadId') ?? '';
    return { uploadId, body: plan.bytes.subarray(offset, offset + length) };
  }

  async function sayComplete(): Promise<void> {
    const { completeAfter } = plan.parts;
    if (completeAfter.length === 0) faults.count('notCompleted');
    if (completeAfter.length > 1) faults.count('completedTwice');
    await Promise.all(
      completeAfter.map(async (afterMs) => {
        await time.sleep(afterMs);
        const view = await ask((services) => services.uploads.complete(caller, id));
        trace.note('user', view === undefined ? 'cannot complete' : 'completes', id);
      }),
    );
  }

  function shuffled<P>(parts: readonly P[]): P[] {
    return parts
      .map((part) => ({ part, at: random.random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ part }) => part);
  }

  return (due, tryIndex) => (multipart === undefined ? bringWhole(due) : bringParts(tryIndex));
}
