/**
 * The multipart/form-data frame around one streamed file, and the names that go into it.
 * Owns bytes and headers only; never touches the file itself, so its length is computed before the file is read.
 * https://www.rfc-editor.org/rfc/rfc7578 and https://html.spec.whatwg.org/#multipart-form-data
 */
import { randomBytes } from 'node:crypto';
import { isComposite } from '../domain/content-type.ts';

export type Form = {
  /** The request's Content-Type, boundary included. */
  contentType: string;
  /** Exact length of head + file + tail in bytes. */
  contentLength: number;
  head: Buffer;
  /** The closing boundary: without it the request is incomplete. */
  tail: Buffer;
};

/** What a type without parameters is made of: https://www.rfc-editor.org/rfc/rfc6838#section-4.2 */
const BARE_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/;

/**
 * The content type that IPD gets. A form parser may split a composite part into files with unchecked names (RFC 2388
 * 4.2, Tomcat), and a form within the form into fields (Python's `cgi`), so such files go as
 * application/octet-stream.
 */
function partType(contentType: string): string {
  const [declared = ''] = contentType.split(';', 1);
  const bare = declared.trim();
  const isPlain = BARE_TYPE.test(bare) && !isComposite(bare) && !/\/x-www-form-urlencoded$/i.test(bare);
  return isPlain ? bare : 'application/octet-stream';
}

/** Frames one file part of `size` bytes. */
export function frameFile(part: {
  field: string;
  filename: string;
  contentType: string;
  size: number;
}): Form {
  const boundary = `----FormBoundary${randomBytes(18).toString('hex')}`;
  const head = Buffer.from(
    `--${boundary}\r\n` +
      `Content-Disposition: form-data; name="${escapeParameter(part.field)}"; filename="${escapeParameter(part.filename)}"\r\n` +
      `Content-Type: ${partType(part.contentType)}\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    contentLength: head.length + part.size + tail.length,
    head,
    tail,
  };
}

/** The bytes a frame adds to a file with this name and type. */
export function frameOverhead(part: { field: string; filename: string; contentType: string }): number {
  return frameFile({ ...part, size: 0 }).contentLength;
}

/** The name in the form that most servers compare and store: composed, and without unpaired surrogates. */
export function normalName(filename: string): string {
  return filename.toWellFormed().normalize('NFC');
}

const MAX_NAME_CODE_POINTS = 200;
const RESERVED = /[\\/:*?"<>|\p{Cc}]|[\u{10000}-\u{10FFFF}]/gu;

/** The most careful form of a name, for an IPD that refuses the normal one: no reserved character, nothing above U+FFFF. */
export function safeName(filename: string): string {
  const points = Array.from(normalName(filename).replaceAll(RESERVED, '_'));
  if (points.length <= MAX_NAME_CODE_POINTS) return points.join('');
  const dot = points.lastIndexOf('.');
  const extension = dot > 0 && points.length - dot <= 16 ? points.slice(dot) : [];
  return [...points.slice(0, MAX_NAME_CODE_POINTS - extension.length), ...extension].join('');
}

/** As browsers send a name: UTF-8 as it is, quotes and line breaks percent-escaped, never `filename*`. */
function escapeParameter(value: string): string {
  return value.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');
}
