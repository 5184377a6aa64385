/**
 * The life of a multipart upload: create, parts, list, complete, abort.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 * Completing copies no bytes: the object names its parts' blobs in order.
 */
import { createHash } from 'node:crypto';
import { openBody, readDocument, saveBody } from './body.ts';
import { checksumElement, checksumHeaders, readChecksumClaim, toAlgorithm } from './checksums.ts';
import { S3Error } from './errors.ts';
import type { Announce } from './events.ts';
import { xmlAnswer, type Call, type S3Response } from './http.ts';
import { readLimit } from './listing.ts';
import { commitObject, describeObject, objectId } from './objects.ts';
import { agrees, assemble, completeDocument, type ListedPart, MAX_PART_NUMBER } from './parts.ts';
import type { Part, Store, Upload } from './store.ts';
import { buildXml, parseXml } from './xml.ts';
import { MIB } from '../../lib/domain/units.ts';

const MIN_PART_BYTES = 5 * MIB;

/** The operations on multipart uploads; each trusts that `api.ts` has authenticated the call and found the bucket. */
export function createMultipartOperations({ store, announce }: { store: Store; announce: Announce }) {
  async function createUpload(call: Call): Promise<S3Response> {
    const algorithm = call.headers['x-amz-checksum-algorithm'];
    if (call.headers['x-amz-checksum-type'] === 'FULL_OBJECT') {
      throw new S3Error('NotImplemented', 'x-amz-checksum-type FULL_OBJECT is not supported by this server.');
    }
    const upload: Upload = {
      ...describeObject(call),
      uploadId: createHash('sha256')
        .update(`${call.requestId}/${objectId(call)}`)
        .digest('base64url'),
      initiated: call.now.toISOString(),
      ...(algorithm !== undefined && { checksumAlgorithm: toAlgorithm(algorithm) }),
    };
    store.uploads.set(upload.uploadId, upload);
    const { bucket: Bucket, key: Key, uploadId: UploadId } = upload;
    return xmlAnswer(
      buildXml('InitiateMultipartUploadResult', { Bucket, Key, UploadId }),
      algorithm === undefined
        ? {}
        : { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': 'COMPOSITE' },
    );
  }

  async function uploadPart(call: Call): Promise<S3Response> {
    const { uploadId, checksumAlgorithm } = requireUpload(call);
    const number = Number(call.query.get('partNumber'));
    if (!Number.isInteger(number) || number < 1 || number > MAX_PART_NUMBER) {
      throw new S3Error('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
    }
    const claimed = readChecksumClaim(call.headers)?.algorithm;
    if (checksumAlgorithm !== undefined && claimed !== checksumAlgorithm) {
      const actual = `expected checksum Type: ${checksumAlgorithm}, actual checksum Type: ${claimed ?? 'null'}`;
      throw new S3Error('InvalidRequest', `Checksum Type mismatch occurred, ${actual}`);
    }
    const { blob, etag, checksum } = await saveBody(store.blobs, openBody(call));
    if (store.uploads.get(uploadId) === undefined) {
      // The upload was completed or aborted while the bytes came in.
      await store.blobs.remove([blob]);
      throw noSuchUpload();
    }
    const id = partId(uploadId, number);
    const previous = store.parts.get(id);
    const lastModified = call.now.toISOString();
    store.parts.set(id, { uploadId, number, blob, etag, lastModified, ...(checksum && { checksum }) });
    await store.blobs.remove(previous === undefined ? [] : [previous.blob]);
    return { status: 200, headers: { etag, ...checksumHeaders(checksum) } };
  }

  async function listParts(call: Call): Promise<S3Response> {
    const { bucket: Bucket, key: Key, uploadId: UploadId } = requireUpload(call);
    const marker = Number(call.query.get('part-number-marker') ?? 0);
    const limit = readLimit(call.query, 'max-parts');
    const rest = partsOf(UploadId).filter((part) => part.number > marker);
    const page = rest.slice(0, limit);
    return xmlAnswer(
      buildXml('ListPartsResult', {
        Bucket,
        Key,
        UploadId,
        PartNumberMarker: marker,
        NextPartNumberMarker: page.at(-1)?.number ?? 0,
        MaxParts: limit,
        IsTruncated: page.length > 0 && rest.length > page.length,
        Part: page.map((part) => ({
          PartNumber: part.number,
          LastModified: part.lastModified,
          ETag: part.etag,
          Size: part.blob.size,
          ...checksumElement(part.checksum),
        })),
        StorageClass: 'STANDARD',
      }),
    );
  }

  async function completeUpload(call: Call): Promise<S3Response> {
    const upload = requireUpload(call);
    const listed = parseXml(await readDocument(call), completeDocument).CompleteMultipartUpload.Part;
    // Checked again, as another request may have ended the upload while the document came in.
    requireUpload(call);
    const parts = chooseParts(upload, listed);
    const object = assemble(upload, parts, call.now);
    const declaredSize = call.headers['x-amz-mp-object-size'];
    if (declaredSize !== undefined && Number(declaredSize) !== object.size) {
      throw new S3Error(
        'InvalidRequest',
        'The provided x-amz-mp-object-size header value does not match what was computed.',
      );
    }
    const unlisted = partsOf(upload.uploadId).filter((part) => !parts.includes(part));
    const eventName = 'ObjectCreated:CompleteMultipartUpload';
    const replaced = commitObject({ store, announce, call, object, eventName });
    forget(upload.uploadId);
    await store.blobs.remove([...replaced, ...unlisted.map((part) => part.blob)]);
    return xmlAnswer(
      buildXml('CompleteMultipartUploadResult', {
        Location: `/${call.bucket}/${call.key}`,
        Bucket: call.bucket,
        Key: call.key,
        ETag: object.etag,
        ...checksumElement(object.checksum),
        ...(object.checksum && { ChecksumType: object.checksum.type }),
      }),
    );
  }

  async function abortUpload(call: Call): Promise<S3Response> {
    const { uploadId } = requireUpload(call);
    const parts = partsOf(uploadId);
    forget(uploadId);
    await store.blobs.remove(parts.map((part) => part.blob));
    return { status: 204, headers: {} };
  }

  function requireUpload({ bucket, key, query }: Call): Upload {
    const upload = store.uploads.get(query.get('uploadId') ?? '');
    if (upload?.bucket !== bucket || upload.key !== key) throw noSuchUpload();
    return upload;
  }

  function partsOf(uploadId: string): Part[] {
    return [...store.parts.values()]
      .filter((part) => part.uploadId === uploadId)
      .toSorted((left, other) => left.number - other.number);
  }

  function chooseParts(upload: Upload, listed: readonly ListedPart[]): Part[] {
    const isOrdered = listed.every((part, index) => part.PartNumber > (listed[index - 1]?.PartNumber ?? 0));
    if (!isOrdered) {
      throw new S3Error(
        'InvalidPartOrder',
        'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
      );
    }
    const parts = listed.map((entry) => {
      const part = store.parts.get(partId(upload.uploadId, entry.PartNumber));
      if (part === undefined || !agrees(part, entry, upload)) throw invalidPart();
      return part;
    });
    if (parts.slice(0, -1).some((part) => part.blob.size < MIN_PART_BYTES)) {
      throw new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size');
    }
    return parts;
  }

  function forget(uploadId: string): void {
    for (const part of partsOf(uploadId)) store.parts.delete(partId(uploadId, part.number));
    store.uploads.delete(uploadId);
  }

  return { createUpload, uploadPart, listParts, completeUpload, abortUpload };
}

function partId(uploadId: string, number: number): string {
  return `${uploadId}/${number}`;
}

function noSuchUpload(): S3Error {
  return new S3Error(
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  );
}

function invalidPart(): S3Error {
  return new S3Error(
    'InvalidPart',
    "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  );
}
