/**
 * The upload's multipart form: exactly one file part named `attachment`. It becomes one file, or several if its own
 * type is multipart. Only such a nested part is kept in memory.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import type { BlobWriter } from './blobs.ts';
import type { Body } from './body.ts';
import { boundaryOf, filesWithin } from './nested.ts';
import { readPartHeader, type PartHeader } from './part-header.ts';
import { ConnectionLost } from './types.ts';
import { KIB } from '../../lib/domain/units.ts';

/** https://github.com/mscdex/busboy refuses longer part headers. */
const PART_HEADER_LIMIT = 16 * KIB;

export type ReceivedFile = {
  rawFilename: string;
  filename: string;
  contentType: string;
  size: number;
  sha256: string;
  writer: BlobWriter;
};

type FormResult = { files: ReceivedFile[] } | { problem: string };

/** The header of the form's first part, read ahead. */
export async function peekPartHeader(body: Body): Promise<PartHeader> {
  return readPartHeader((await body.peek('\r\n\r\n', PART_HEADER_LIMIT)).toString('utf8'));
}

/** Streams the form's file into a writer, or says what is wrong with the form; throws only if the request fails. */
export async function receiveForm(options: {
  contentType: string;
  body: Body;
  openWriter: () => Promise<BlobWriter>;
}): Promise<FormResult> {
  const { contentType, body, openWriter } = options;
  const header = await peekPartHeader(body);
  const inner = boundaryOf(header.contentType);
  let fileParts = 0;
  let otherParts = 0;
  let received: Promise<ReceivedFile[] | undefined> = Promise.resolve(undefined);

  async function receive(stream: Readable): Promise<ReceivedFile[]> {
    if (inner === undefined) return [await store(header, stream)];
    const files: ReceivedFile[] = [];
    for (const nested of filesWithin(await buffer(stream), inner)) {
      files.push(await store(nested.header, [nested.bytes]));
    }
    return files;
  }

  async function store(
    { rawFilename = '', filename = '', contentType: type }: PartHeader,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<ReceivedFile> {
    const writer = await openWriter();
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      await writer.write(chunk);
    }
    return { rawFilename, filename, contentType: type, size, sha256: hash.digest('hex'), writer };
  }

  try {
    const parser = busboy({ headers: { 'content-type': contentType }, defParamCharset: 'utf8' });
    parser.on('field', () => {
      otherParts += 1;
    });
    parser.on('file', (_name, stream) => {
      fileParts += 1;
      // A broken form is reported by the pipeline below; the file stream only ends with it.
      stream.on('error', () => undefined);
      if (fileParts === 1) received = receive(stream).catch(() => undefined);
      else stream.resume();
    });
    await pipeline(body.chunks(), parser);
  } catch (error) {
    await received;
    if (error instanceof ConnectionLost) throw error;
    return { problem: `not a readable form: ${error instanceof Error ? error.message : 'unknown'}` };
  }

  const files = await received;
  const problem = problemOf({ header, fileParts, otherParts });
  if (problem !== undefined) return { problem };
  if (files === undefined || files.length === 0) return { problem: 'the file could not be stored' };
  return { files };
}

function problemOf(form: { header: PartHeader; fileParts: number; otherParts: number }): string | undefined {
  const { header, fileParts, otherParts } = form;
  if (header.hasExtendedFilename) return 'filename* is not allowed in form-data';
  if (!header.rawFilename) return 'the part has no filename';
  if (header.name !== 'attachment') return 'the part must be named attachment';
  if (fileParts !== 1) return `one file is expected, not ${fileParts}`;
  if (otherParts > 0) return 'only the part attachment is expected';
  return undefined;
}
