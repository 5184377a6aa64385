/**
 * The bucket's multipart uploads in memory: created, filled part by part, listed in pages, completed or aborted. A part
 * is stored whole or not at all; no faults are injected here.
 */
import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { refusal } from './refusal.ts';

type Part = { bytes: Buffer; etag: string };
type Begun = { key: string; parts: Map<number, Part> };

/** Stores the joined bytes; refuses when the request forbids an existing key and the key exists. */
type Store = (
  input: CompleteMultipartUploadCommand['input'],
  object: { bytes: Buffer; etag: string },
) => void;

export type Sizes = {
  /** Every part but the last has at least so many bytes. */
  minPartBytes?: number;
  /** Parts on a page of their list. */
  partsPerPage?: number;
};

/** The bucket's multipart uploads; a command of another kind is answered with undefined. */
export function createParts({
  minPartBytes = 5 * 1024 ** 2,
  partsPerPage = 1000,
  store,
}: Sizes & { store: Store }) {
  const uploads = new Map<string, Begun>();
  let lastId = 0;

  function execute(command: object): object | undefined {
    if (command instanceof CreateMultipartUploadCommand) {
      lastId += 1;
      const UploadId = `multipart-${lastId}`;
      uploads.set(UploadId, { key: command.input.Key ?? '', parts: new Map() });
      return { UploadId };
    }
    if (command instanceof UploadPartCommand) return put(command.input);
    if (command instanceof ListPartsCommand) return list(command.input);
    if (command instanceof ListMultipartUploadsCommand) {
      const { Prefix = '' } = command.input;
      const begun = [...uploads].filter(([, { key }]) => key.startsWith(Prefix));
      return { Uploads: begun.map(([UploadId, { key: Key }]) => ({ UploadId, Key })) };
    }
    if (command instanceof CompleteMultipartUploadCommand) return complete(command.input);
    if (command instanceof AbortMultipartUploadCommand) {
      required(command.input);
      uploads.delete(command.input.UploadId ?? '');
      return {};
    }
    return undefined;
  }

  function put(input: UploadPartCommand['input']): object {
    const { parts } = required(input);
    const { PartNumber: number = 0, Body: body } = input;
    if (!Buffer.isBuffer(body)) throw new TypeError('the bucket takes buffers only');
    const etag = `"${md5(body)}"`;
    parts.set(number, { bytes: body, etag });
    return { ETag: etag };
  }

  function list(input: ListPartsCommand['input']): object {
    const after = Number(input.PartNumberMarker ?? 0);
    const rest = [...required(input).parts]
      .toSorted(([a], [b]) => a - b)
      .filter(([number]) => number > after);
    const page = rest.slice(0, input.MaxParts ?? partsPerPage);
    return {
      Parts: page.map(([PartNumber, { etag, bytes }]) => ({ PartNumber, ETag: etag, Size: bytes.length })),
      IsTruncated: rest.length > page.length,
      NextPartNumberMarker: String(page.at(-1)?.[0] ?? 0),
    };
  }

  function complete(input: CompleteMultipartUploadCommand['input']): object {
    const { parts } = required(input);
    const listed = input.MultipartUpload?.Parts ?? [];
    const numbers = listed.map(({ PartNumber = 0 }) => PartNumber);
    if (numbers.some((number, index) => number <= (numbers[index - 1] ?? 0))) {
      throw refusal(400, 'InvalidPartOrder');
    }
    const chosen = listed.map(({ PartNumber = 0, ETag }) => {
      const part = parts.get(PartNumber);
      if (part === undefined || bare(part.etag) !== bare(ETag)) throw refusal(400, 'InvalidPart');
      return part;
    });
    if (chosen.slice(0, -1).some(({ bytes }) => bytes.length < minPartBytes)) {
      throw refusal(400, 'EntityTooSmall');
    }
    const sums = Buffer.concat(chosen.map(({ etag }) => Buffer.from(bare(etag), 'hex')));
    const etag = `"${md5(sums)}-${chosen.length}"`;
    store(input, { bytes: Buffer.concat(chosen.map(({ bytes }) => bytes)), etag });
    uploads.delete(input.UploadId ?? '');
    return { ETag: etag };
  }

  function required({
    Key,
    UploadId = '',
  }: {
    Key?: string | undefined;
    UploadId?: string | undefined;
  }): Begun {
    const upload = uploads.get(UploadId);
    if (upload?.key !== Key || upload === undefined) throw refusal(404, 'NoSuchUpload');
    return upload;
  }

  return {
    execute,
    /** Multipart uploads that are neither completed nor aborted. */
    open: () => [...uploads].map(([uploadId, { key, parts }]) => ({ uploadId, key, parts: parts.size })),
  };
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** Without quotes. */
function bare(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
