/** Builds multipart/form-data bodies byte by byte, so that a test can also build wrong ones. */
export const BOUNDARY = 'ExampleBoundary7MA4YWxk';
export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

type Bytes = string | Buffer;

/** One part: its header lines, then its content. */
export function part(headers: Bytes, content: Bytes = 'hello'): Buffer {
  return Buffer.concat(
    [`--${BOUNDARY}\r\n`, headers, '\r\n\r\n', content, '\r\n'].map((bytes) => Buffer.from(bytes)),
  );
}

/** The part that the upload route wants. */
export function filePart(filename: Bytes = 'a.txt', content?: Bytes, type = 'text/plain'): Buffer {
  const name = Buffer.from(filename);
  const before = Buffer.from('Content-Disposition: form-data; name="attachment"; filename="');
  return part(Buffer.concat([before, name, Buffer.from(`"\r\nContent-Type: ${type}`)]), content);
}

/** A complete form. */
export function form(...parts: Buffer[]): Buffer {
  return Buffer.concat([...parts, Buffer.from(`--${BOUNDARY}--\r\n`)]);
}
