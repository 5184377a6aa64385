/**
 * The staged files: what is there, reading one for the delivery, removal afterwards.
 * Never given a name from outside: keys are ours.
 */
import { finished, Readable } from 'node:stream';
import type { Clock } from './clock.ts';
import { AppError } from './errors.ts';
import { refusalOf } from './sdk/refusal.ts';
import type { S3 } from './sdk/s3.ts';
import type { StagedObject } from './upload.ts';

/** How long a stream may stand still, and how often one file is taken up again. */
const IDLE_MS = 20_000;
const MAX_RESUMES = 10;
const RESUME_PAUSE_MS = 200;
/** What is read ahead of whoever reads: two of these are in memory at most. */
const TURN_BYTES = 256 * 1024;

export type Staging = ReturnType<typeof createStaging>;

/** `s3` is asked for at each call: what needs no storage does not load it. */
export function createStaging(options: { s3: () => Promise<S3>; bucket: string; clock: Clock }) {
  const { s3, bucket, clock } = options;

  /** Stores a small file by ourselves, unless there is one already; answers with what is stored then. */
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
      const present = refusalOf(error)?.status === 412 ? await look(file.key) : undefined;
      if (present === undefined)
        throw new AppError('unavailable', `storing ${file.key} failed`, { cause: error });
      return present;
    }
  }

  /** What is stored under a key; undefined when nothing is. Without s3:ListBucket AWS would answer 403 here. */
  async function look(key: string): Promise<StagedObject | undefined> {
    const { client, HeadObjectCommand } = await s3();
    try {
      const { ETag, ContentLength } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
      return { etag: bareEtag(ETag), size: ContentLength ?? 0 };
    } catch (error) {
      if (refusalOf(error)?.status === 404) return undefined;
      throw new AppError('unavailable', `asking storage for ${key} failed`, { cause: error });
    }
  }

  /**
   * The object's bytes, `size` of them, in groups of chunks, of this version or none. A stream that breaks or stands still is taken up
   * again where it ended, a bounded number of times. Throws `staged_file_missing`, `staged_file_changed` or
   * `storage_unavailable`.
   */
  async function* read(object: {
    key: string;
    etag: string;
    size: number;
    signal: AbortSignal;
  }): AsyncGenerator<Uint8Array[]> {
    let offset = 0;
    for (let resumes = 0; offset < object.size; resumes += 1) {
      try {
        for await (const chunks of inTurns(await open(object, offset), clock)) {
          for (const chunk of chunks) offset += chunk.length;
          yield chunks;
        }
        if (offset < object.size) throw new Error(`the stream ended after ${offset} of ${object.size} bytes`);
      } catch (cause) {
        const status = refusalOf(cause)?.status;
        if (status === 404) throw new AppError('staged_file_missing', `${object.key} is gone`, { cause });
        if (status === 412)
          throw new AppError('staged_file_changed', `${object.key} was replaced`, { cause });
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
  async function open(
    object: { key: string; etag: string; signal: AbortSignal },
    offset: number,
  ): Promise<Readable> {
    const { client, GetObjectCommand } = await s3();
    const { Body } = await client.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: object.key,
        IfMatch: `"${object.etag}"`,
        Range: offset === 0 ? undefined : `bytes=${offset}-`,
      }),
      { abortSignal: object.signal },
    );
    if (!(Body instanceof Readable)) throw new Error('the answer has no readable body');
    return Body;
  }

  /** Removes what is stored under a key, if anything is. */
  async function remove(key: string): Promise<void> {
    const { client, DeleteObjectCommand } = await s3();
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  }

  return { store, look, read, remove };
}

/**
 * The stream's chunks, all that a turn of the event loop brings together: what follows costs once a turn, not once a
 * chunk. Destroys a stream that keeps us waiting; a timer looks now and then, none is set for a chunk.
 */
async function* inTurns(body: Readable, clock: Clock): AsyncGenerator<Uint8Array[]> {
  let chunks: Uint8Array[] = [];
  let bytes = 0;
  let end: { error: unknown } | undefined;
  let wake = (): void => undefined;
  body.on('data', (chunk: Uint8Array) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= TURN_BYTES) body.pause();
    wake();
  });
  finished(body, (error) => {
    end = { error };
    wake();
  });
  // Whose turn it is, and which one: odd while storage has it, even while whoever reads has it.
  let turn = 1;
  let isOver = false;
  const watch = (): void => {
    const seen = turn;
    const look = (): void => {
      if (isOver) return;
      if (seen !== turn || seen % 2 === 0) watch();
      else body.destroy(new Error(`storage sent nothing for ${IDLE_MS} ms`));
    };
    clock.timeout(IDLE_MS).addEventListener('abort', look, { once: true });
  };
  watch();
  try {
    for (;;) {
      if (chunks.length > 0) {
        const brought = chunks;
        chunks = [];
        bytes = 0;
        turn += 1;
        if (body.isPaused()) body.resume();
        yield brought;
        turn += 1;
      } else if (end !== undefined) {
        if (end.error) throw end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        await clock.turn();
      }
    }
  } finally {
    isOver = true;
    body.destroy();
  }
}

/** Without the quotes that HTTP puts around it, as events carry it. */
function bareEtag(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
