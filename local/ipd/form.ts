/**
 * The upload's multipart form: exactly one file part named `attachment`. The name is read from the part's own header
 * bytes, because a parser that tidies names would hide what the client really sent. It never keeps a file in memory.
 */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import type { BlobWriter } from './blobs.ts';
import type { Body } from './body.ts';
import { ConnectionLost } from './types.ts';

/** https://github.com/mscdex/busboy refuses longer part headers. */
const PART_HEADER_LIMIT = 16 * 1024;

type PartHeader = {
  name: string | undefined;
  rawFilename: string | undefined;
  filename: string | undefined;
  hasExtendedFilename: boolean;
  contentType: string;
};

export type ReceivedFile = {
  rawFilename: string;
  filename: string;
  contentType: string;
  size: number;
  sha256: string;
};

type FormResult = { file: ReceivedFile } | { problem: string };

/** The header of the form's first part, read ahead. */
export async function peekPartHeader(body: Body): Promise<PartHeader> {
  const start = await body.peek('\r\n\r\n', PART_HEADER_LIMIT);
  const [head = ''] = start.toString('utf8').split('\r\n\r\n', 1);
  const lines = head.split('\r\n');
  const parameters = dispositionParameters(valueOfLine(lines, 'content-disposition'));
  const rawFilename = parameters.get('filename');
  return {
    name: parameters.get('name'),
    rawFilename,
    filename: rawFilename === undefined ? undefined : decodeBrowserEscapes(rawFilename),
    hasExtendedFilename: parameters.has('filename*'),
    contentType: valueOfLine(lines, 'content-type') || 'text/plain',
  };
}

/** Streams the form's file into `writer`, or says what is wrong with the form; throws only when the request broke. */
export async function receiveForm(options: {
  contentType: string;
  body: Body;
  writer: BlobWriter;
}): Promise<FormResult> {
  const { contentType, body, writer } = options;
  const header = await peekPartHeader(body);
  let fileParts = 0;
  let otherParts = 0;
  let received: Promise<{ size: number; sha256: string } | undefined> = Promise.resolve(undefined);

  try {
    const parser = busboy({ headers: { 'content-type': contentType }, defParamCharset: 'utf8' });
    parser.on('field', () => {
      otherParts += 1;
    });
    parser.on('file', (_name, stream) => {
      fileParts += 1;
      // A broken form is reported by the pipeline below; the file stream only ends with it.
      if (fileParts === 1) received = store(stream, writer).catch(() => undefined);
      else stream.resume();
    });
    await pipeline(body.chunks(), parser);
  } catch (error) {
    await received;
    if (error instanceof ConnectionLost) throw error;
    return { problem: `not a readable form: ${error instanceof Error ? error.message : 'unknown'}` };
  }

  const stored = await received;
  const problem = problemOf({ header, fileParts, otherParts });
  if (problem !== undefined) return { problem };
  const { rawFilename, filename } = header;
  if (stored === undefined || !rawFilename || !filename) return { problem: 'the file could not be stored' };
  return { file: { rawFilename, filename, contentType: header.contentType, ...stored } };
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

async function store(stream: Readable, writer: BlobWriter): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  const chunks: AsyncIterable<Uint8Array> = stream;
  for await (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
    await writer.write(chunk);
  }
  return { size, sha256: hash.digest('hex') };
}

function valueOfLine(lines: string[], name: string): string {
  const line = lines.find((candidate) => candidate.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? '' : line.slice(name.length + 1).trim();
}

function dispositionParameters(disposition: string): Map<string, string> {
  const found = disposition.matchAll(/;\s*([^=;\s]+)\s*=\s*(?:"([^"]*)"|([^;\s]*))/g);
  return new Map(
    Array.from(found, ([, name = '', quoted, token]) => [name.toLowerCase(), quoted ?? token ?? '']),
  );
}

/** The three escapes of https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data */
function decodeBrowserEscapes(name: string): string {
  return name.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n');
}
