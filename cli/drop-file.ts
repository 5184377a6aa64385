/**
 * Puts one file where producers put theirs, under `ingest/` of the staging bucket, and follows its upload in the ledger
 * to its end. Never holds a whole file in memory.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { isUpload } from '../packages/client/src/predicates.ts';
import { backoffMs, DEFAULT_TIMING, pause } from '../packages/client/src/retry.ts';
import { openLocalFile } from '../packages/client/src/node.ts';
import type { Upload } from '../packages/client/src/node.ts';
import { filename as filenameSchema } from '../lib/domain/fields.ts';
import { sourceOf } from '../lib/domain/summary.ts';
import { ingestedFrom, isFinal } from '../lib/domain/upload.ts';
import type { Upload as UploadRecord, WorkItem } from '../lib/domain/upload.ts';
import { toResource } from '../lib/http/resource.ts';
import { dropId } from '../lib/ingestion/offers.ts';
import type { Admission } from '../lib/ingestion/offers.ts';
import { refusalOf } from '../lib/runtime/aws-errors.ts';
import { bareEtag } from '../lib/storage/etags.ts';
import type { S3 } from '../lib/storage/s3.ts';
import { keyOf, metadataOf } from './drop-object.ts';
import type { Opened } from './ops/place.ts';
import type { ProgressDisplay } from './progress.ts';
import { catalogue, fill, formatBytes, texts } from './texts.ts';
import { describeError, showDelivery } from './transfer.ts';

type DropRequest = WorkItem & {
  services: Pick<Opened, 'ledger' | 'config'>;
  s3: S3;
  path: string;
  admission: Admission;
  contentType: string | undefined;
  /** Who sends it, as the producer says. */
  uploadedBy: string | undefined;
  progress: ProgressDisplay;
  signal: AbortSignal;
};

/** `before`: the same bytes under the same key had been attached; no further attachment is made. */
export type Dropped = {
  upload: Upload;
  source: ReturnType<typeof sourceOf>;
  before: boolean;
};

const POLL_MS = 500;
/** An event mostly comes within seconds. */
const EVENT_PATIENCE_MS = 15_000;
/** Storage tells only in which second an object was put: in the same second the bridge cannot tell a new offer. */
const SECOND_MS = 1_000;

/** Puts one file and follows it to its final state. Once it is put, an abort ends the following alone. */
export async function dropFile({
  services: { ledger, config },
  s3,
  path,
  admission,
  uploadedBy,
  progress,
  signal,
  ...about
}: DropRequest): Promise<Dropped> {
  const { file, filename, sha256, contentType: guessed } = await openLocalFile(path);
  checkName(filename);
  if (file.size > admission.maxFileBytes) {
    const most = formatBytes(admission.maxFileBytes);
    const size = formatBytes(file.size);
    throw new Error(fill(texts.trouble.tooLarge, { size, bytes: file.size, most }));
  }
  const { projectId, issueId, contentType = guessed } = about;
  const place = { bucket: config.bucket, key: keyOf({ projectId, issueId, filename }) };
  const metadata = metadataOf({ key: place.key, filename, uploadedBy });
  const before = await ledger.find(dropId({ ...place, etag: await etagOf(file) }));
  await waitForNextOffer(before, signal);

  progress.begin(filename, file.size);
  try {
    const onBytes = (bytes: number): void => progress.advance({ leg: 'staging', bytes, total: file.size });
    const etag = await put({ s3, place, file, contentType, metadata, sha256, onBytes, signal });
    const id = dropId({ ...place, etag });
    if (before?.status === 'delivered') return { ...view(before), before: true };
    const after = await follow(id, { ledger, before, progress, signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      const reason = describeError(signal.reason);
      throw new Error(fill(texts.trouble.goesOn, { reason, id }), { cause: error });
    });
    return { ...view(after), before: false };
  } finally {
    progress.end();
  }
}

/** The bridge would refuse the name, too, but only once the whole file has been sent. */
function checkName(filename: string): void {
  const { error } = filenameSchema.safeParse(filename);
  if (error !== undefined) {
    const fault = error.issues.map(({ message }) => message).join(', ');
    throw new Error(fill(texts.trouble.wrongName, { fault }));
  }
}

/** The ETag that storage gives to a file that is put as a whole: its MD5. */
async function etagOf(file: Blob): Promise<string> {
  const md5 = createHash('md5');
  for await (const chunk of file.stream()) md5.update(chunk);
  return md5.digest('hex');
}

/** The upload as the API tells it, and how it came. */
function view(record: UploadRecord): Omit<Dropped, 'before'> {
  const bytesStored = record.etag === undefined ? 0 : record.size;
  const upload: unknown = JSON.parse(JSON.stringify(toResource({ upload: record, bytesStored }, catalogue)));
  if (!isUpload(upload)) throw new Error(fill(texts.trouble.notShown, { id: record.id }));
  return { upload, source: sourceOf(record) };
}

async function waitForNextOffer(before: UploadRecord | undefined, signal: AbortSignal): Promise<void> {
  const last = before && ingestedFrom(before)?.offer;
  if (last === undefined) return;
  const wait = Date.parse(last) + SECOND_MS - Date.now();
  await pause(Math.min(Math.max(wait, 0), SECOND_MS), signal);
}

type Put = {
  s3: S3;
  place: { bucket: string; key: string };
  file: Blob;
  contentType: string;
  metadata: Record<string, string>;
  sha256: string;
  onBytes: (bytes: number) => void;
  signal: AbortSignal;
};

/**
 * Puts the file and resolves with its ETag. Storage compares the bytes with the hash, keeps the hash, and the bridge
 * takes it as declared. The SDK does not repeat a request whose body is a stream, so this does.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 */
async function put({
  s3,
  place,
  file,
  contentType,
  metadata,
  sha256,
  onBytes,
  signal,
}: Put): Promise<string> {
  const { client, PutObjectCommand } = s3;
  for (let attempt = 1; ; attempt += 1) {
    // A put begins anew each time: the display must not take its first bytes for those of an earlier one.
    onBytes(0);
    const command = new PutObjectCommand({
      Bucket: place.bucket,
      Key: place.key,
      Body: Readable.from(counted(file, onBytes), { objectMode: false }),
      ContentLength: file.size,
      ContentType: contentType,
      Metadata: metadata,
      ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
    });
    try {
      const { ETag } = await client.send(command, { abortSignal: signal });
      return bareEtag(ETag);
    } catch (error) {
      if (signal.aborted) {
        const reason = describeError(signal.reason);
        throw new Error(fill(texts.trouble.nothingDropped, { reason }), { cause: error });
      }
      const status = refusalOf(error)?.status;
      const isOutage = status === undefined || status === 429 || status >= 500;
      if (!isOutage || attempt === ATTEMPTS) {
        throw new Error(fill(texts.trouble.notPut, { key: place.key }), { cause: error });
      }
      await pause(backoffMs(DEFAULT_TIMING, attempt), signal);
    }
  }
}

/** Fewer than a device would make, since a user waits at the terminal. */
const ATTEMPTS = 4;

async function* counted(file: Blob, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of file.stream()) {
    yield chunk;
    bytes += chunk.length;
    onBytes(bytes);
  }
}

type Following = {
  ledger: Opened['ledger'];
  /** The record as it was before this offer. */
  before: UploadRecord | undefined;
  progress: ProgressDisplay;
  signal: AbortSignal;
};

/** Reads the record until the upload of this offer is final. */
async function follow(id: string, { ledger, before, progress, signal }: Following): Promise<UploadRecord> {
  const startedAt = performance.now();
  for (;;) {
    const record = await ledger.find(id);
    if (record !== undefined && isTaken(record, before)) {
      show(record, progress);
      if (isFinal(record)) return record;
    } else if (performance.now() - startedAt > EVENT_PATIENCE_MS) {
      progress.wait(texts.progress.notTaken);
    }
    await pause(POLL_MS, signal);
  }
}

/** Whether this record is that of our offer: an upload that has ended is tried anew once the bridge has taken it. */
function isTaken(record: UploadRecord, before: UploadRecord | undefined): boolean {
  if (before === undefined || !isFinal(before)) return true;
  return ingestedFrom(record)?.offer !== ingestedFrom(before)?.offer;
}

function show(record: UploadRecord, progress: ProgressDisplay): void {
  const { upload } = view(record);
  progress.change(upload);
  if (record.status === 'awaiting_upload') return;
  const bytes = record.status === 'delivered' ? record.size : record.bytesSent;
  showDelivery(progress, { leg: 'delivery', bytes, total: record.size }, record.status);
}
