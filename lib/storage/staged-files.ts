/**
 * The staged files: what is there, reading one for the delivery, removal afterwards. Keys are our own, never a name
 * from outside.
 */
import { addAbortSignal, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../domain/errors.ts';
import { createCollector } from '../runtime/garbage.ts';
import type { Sink } from '../runtime/stream.ts';
import { failed, refusalOf } from '../runtime/aws-errors.ts';
import type { S3 } from './s3.ts';
import { bareEtag, COPIED_FROM } from './etags.ts';
import type { StagedObject } from '../domain/upload.ts';

/** How long a stream may be idle, and how often one read is resumed. */
const IDLE_MS = 20_000;
const MAX_RESUMES = 10;
const RESUME_PAUSE_MS = 200;

export type Staging = ReturnType<typeof createStaging>;

/** A staged file that storage was asked for before its bytes are wanted. */
export type OpenedFile = Promise<Readable>;

/** One version of a staged file. The signal ends what is done with it. */
type Version = { key: string; etag: string; signal: AbortSignal };

/** `s3` is called at each use: a call that needs no storage does not load the SDK. */
export function createStaging(options: { s3: () => Promise<S3>; bucket: string; clock: Clock }) {
  const { s3, bucket, clock } = options;

  /** Stores a small file, unless there is one already. Returns what is stored then. */
  async function store(file: { key: string; body: Buffer; contentType: string }): Promise<StagedObject> {
    const { client, PutObjectCommand } = await s3();
    try {
      const { ETag } = await client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: file.key,
          Body: file.body,
          ContentType: file.contentType,
          IfNoneMatch: '*',
        }),
      );
      return { etag: bareEtag(ETag), size: file.body.length };
    } catch (error) {
      const present = refusalOf(error)?.status === 412 ? await head(file.key) : undefined;
      if (present === undefined)
        throw new AppError('unavailable', `storing ${file.key} failed`, { cause: error });
      return present;
    }
  }

  /** What is stored under a key; undefined when nothing is. Without s3:ListBucket AWS would answer 403 here. */
  async function head(key: string): Promise<StagedObject | undefined> {
    const { client, HeadObjectCommand } = await s3();
    try {
      const { ETag, ContentLength, Metadata } = await client.send(
        new HeadObjectCommand({ Bucket: bucket, Key: key }),
      );
      return { etag: bareEtag(ETag), size: ContentLength ?? 0, copiedFrom: Metadata?.[COPIED_FROM] };
    } catch (error) {
      if (refusalOf(error)?.status === 404) return undefined;
      throw new AppError('unavailable', `asking storage for ${key} failed`, { cause: error });
    }
  }

  /**
   * Asks storage for the file before its bytes are wanted. They wait in the socket until `read` takes them; the signal
   * closes it. A failure meanwhile is for `read` to resume or to throw: without a reading it does not matter.
   */
  function open(version: Version): OpenedFile {
    const opened = get(version, 0);
    opened.catch(() => undefined);
    return opened;
  }

  /**
   * Writes the `size` bytes of exactly this version of the object into `sink`. A stream that breaks or is idle too
   * long is resumed where it ended, a bounded number of times, and so is one that `opened` it and broke, or was read,
   * before. Throws `staged_file_missing`, `staged_file_changed` or `storage_unavailable`, and what the sink throws.
   */
  async function read(
    { opened, ...object }: Version & { size: number; opened?: OpenedFile | undefined },
    sink: Sink,
  ): Promise<void> {
    let offset = 0;
    let refusal: { cause: unknown } | undefined;
    const counting: Sink = (chunk) => {
      offset += chunk.length;
      try {
        return sink(chunk)?.catch(refuse);
      } catch (cause) {
        return refuse(cause);
      }
    };
    const refuse = (cause: unknown): never => {
      refusal = { cause };
      throw cause;
    };
    for (let resumes = 0; offset < object.size; resumes += 1) {
      try {
        const body = await ((resumes === 0 ? opened : undefined) ?? get(object, offset));
        await pour(addAbortSignal(object.signal, body), counting, clock);
        if (offset < object.size) throw new Error(`the stream ended after ${offset} of ${object.size} bytes`);
      } catch (cause) {
        if (refusal !== undefined) throw refusal.cause;
        const ended = otherVersion(object.key, cause);
        if (ended !== undefined) throw ended;
        if (object.signal.aborted || resumes >= MAX_RESUMES) {
          throw new AppError('storage_unavailable', `reading ${object.key} broke off at byte ${offset}`, {
            cause,
          });
        }
        await clock.sleep(RESUME_PAUSE_MS * resumes, object.signal).catch(() => undefined);
      }
    }
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html */
  async function get({ key, etag, signal }: Version, offset: number): Promise<Readable> {
    const { client, GetObjectCommand } = await s3();
    const { Body } = await client.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        IfMatch: `"${etag}"`,
        Range: `bytes=${offset}-`,
      }),
      { abortSignal: signal },
    );
    if (!(Body instanceof Readable)) throw new Error('the answer has no readable body');
    return Body;
  }

  /**
   * A tag of the object, if it has it. Tags belong to a key, and another file may have been put under it, so storage is
   * asked for this version first. Throws `staged_file_missing`, `staged_file_changed` or `storage_unavailable`.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
   */
  async function tagOf(
    { key, etag }: { key: string; etag: string },
    name: string,
  ): Promise<string | undefined> {
    const { client, GetObjectTaggingCommand, HeadObjectCommand } = await s3();
    const object = { Bucket: bucket, Key: key };
    try {
      await client.send(new HeadObjectCommand({ ...object, IfMatch: `"${etag}"` }));
      const { TagSet = [] } = await client.send(new GetObjectTaggingCommand(object));
      return TagSet.find(({ Key }) => Key === name)?.Value;
    } catch (cause) {
      throw (
        otherVersion(key, cause) ??
        new AppError('storage_unavailable', `the tags of ${key} cannot be read`, { cause })
      );
    }
  }

  /** Removes what is stored under a key, if anything is. */
  async function remove(key: string): Promise<void> {
    const { client, DeleteObjectCommand } = await s3();
    const command = new DeleteObjectCommand({ Bucket: bucket, Key: key });
    await client.send(command).catch(failed(`removing ${key}`));
  }

  return { store, head, open, read, tagOf, remove };
}

/**
 * Passes each chunk on as it comes: a chunk that waits costs memory, and its collection costs time. Destroys a stream
 * that has been idle for `IDLE_MS`. There is one timer at a time, not one for each chunk.
 */
async function pour(body: Readable, sink: Sink, clock: Clock): Promise<void> {
  const collect = createCollector();
  let waitingSince = clock.now();
  let isOver = false;
  let room: Promise<void> | undefined;
  const watch = (ms: number): void => {
    const check = (): void => {
      if (isOver) return;
      // While the sink is full, we do not wait for storage.
      const idleMs = body.isPaused() ? 0 : clock.now() - waitingSince;
      // Never longer, also when the clock was set back.
      if (idleMs < IDLE_MS) watch(Math.min(IDLE_MS - idleMs, IDLE_MS));
      else body.destroy(new Error(`storage sent nothing for ${IDLE_MS} ms`));
    };
    clock.timeout(ms).addEventListener('abort', check, { once: true });
  };
  watch(IDLE_MS);
  const fail = (cause: unknown): void => {
    body.destroy(new Error('the sink failed', { cause }));
  };
  const goOn = (): void => {
    waitingSince = clock.now();
    body.resume();
  };
  body.on('data', (chunk: Uint8Array) => {
    waitingSince = clock.now();
    collect(chunk);
    try {
      room = sink(chunk);
      if (room === undefined) return;
      body.pause();
      room.then(goOn, fail);
    } catch (cause) {
      fail(cause);
    }
  });
  try {
    await finished(body);
    // A stream ends while it is paused, when its end was there before its last chunk was read.
    await room;
  } finally {
    isOver = true;
  }
}

/** The error for a version of an object that is gone or was replaced; undefined for other refusals. */
function otherVersion(key: string, cause: unknown): AppError | undefined {
  const status = refusalOf(cause)?.status;
  if (status === 404) return new AppError('staged_file_missing', `${key} is gone`, { cause });
  return status === 412 ? new AppError('staged_file_changed', `${key} was replaced`, { cause }) : undefined;
}
