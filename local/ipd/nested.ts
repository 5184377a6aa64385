/**
 * The files of a form's part whose own type is multipart, as common form parsers read it: several files in one field,
 * each with the name from its own header. Commons FileUpload 1.5, Tomcat 10.1 and Python's `cgi` do that.
 * https://www.rfc-editor.org/rfc/rfc2388#section-4.2
 */
import { readPartHeader, type PartHeader } from './part-header.ts';

export type NestedFile = { header: PartHeader; bytes: Buffer };

/** The boundary within a part of this type; undefined for a type that does not nest. */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\//i.test(contentType)) return undefined;
  const [, quoted, token] = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^;\s]+))/i.exec(contentType) ?? [];
  return quoted ?? token;
}

/** Splits the content of such a part, to any depth; a last file without a closing delimiter ends with the content. */
export function filesWithin(content: Buffer, boundary: string): NestedFile[] {
  // A line break belongs to the delimiter after it, so the first delimiter needs one, too.
  const parts = splitBy(Buffer.concat([Buffer.from('\r\n'), content]), Buffer.from(`\r\n--${boundary}`));
  const files: NestedFile[] = [];
  for (const part of parts.slice(1)) {
    if (part.subarray(0, 2).toString() === '--') break;
    const end = part.indexOf('\r\n\r\n');
    if (end < 0) continue;
    const header = readPartHeader(part.subarray(0, end).toString('utf8'));
    const bytes = part.subarray(end + 4);
    const inner = boundaryOf(header.contentType);
    if (inner !== undefined) files.push(...filesWithin(bytes, inner));
    else if (header.filename !== undefined) files.push({ header, bytes });
  }
  return files;
}

function splitBy(bytes: Buffer, delimiter: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let start = 0;
  for (let end = bytes.indexOf(delimiter); end >= 0; end = bytes.indexOf(delimiter, start)) {
    pieces.push(bytes.subarray(start, end));
    start = end + delimiter.length;
  }
  return [...pieces, bytes.subarray(start)];
}
