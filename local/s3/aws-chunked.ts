/**
 * Decodes `aws-chunked` bodies without chunk signatures, which SDKs send for streams: chunks of
 * `size CRLF bytes CRLF`, an empty one, then trailing headers. Never holds more than one network chunk.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
import { S3Error } from './errors.ts';

/** Longer than any line of the framing, so that a body without line ends does not fill the memory. */
const MAX_LINE_BYTES = 4096;

/** Yields the payload; `trailers` is complete once the iteration has ended. */
export async function* decodeAwsChunked(
  source: AsyncIterable<Uint8Array>,
  trailers: Map<string, string>,
): AsyncGenerator<Uint8Array> {
  const reader = createReader(source);
  for (let size = await readSize(reader); size > 0; size = await readSize(reader)) {
    yield* reader.bytes(size);
    if ((await reader.line()) !== '') throw incomplete('a chunk is longer than its size');
  }
  for (let line = await reader.line(); line !== ''; line = await reader.line()) {
    const colon = line.indexOf(':');
    trailers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
}

type Reader = ReturnType<typeof createReader>;

async function readSize(reader: Reader): Promise<number> {
  const line = await reader.line();
  if (!/^[0-9a-f]{1,10}$/i.test(line)) throw incomplete('a chunk has no size');
  return Number.parseInt(line, 16);
}

function createReader(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]();
  let buffered: Buffer = Buffer.alloc(0);

  async function fill(): Promise<void> {
    const next = await iterator.next();
    if (next.done === true) throw incomplete('the body ends too early');
    buffered = buffered.length === 0 ? Buffer.from(next.value) : Buffer.concat([buffered, next.value]);
  }

  return {
    async line(): Promise<string> {
      for (;;) {
        const end = buffered.indexOf('\r\n');
        if (end >= 0) {
          const line = buffered.toString('latin1', 0, end);
          buffered = buffered.subarray(end + 2);
          return line;
        }
        if (buffered.length > MAX_LINE_BYTES) throw incomplete('a line is too long');
        await fill();
      }
    },
    async *bytes(count: number): AsyncGenerator<Uint8Array> {
      let left = count;
      while (left > 0) {
        if (buffered.length === 0) await fill();
        const chunk = buffered.subarray(0, left);
        buffered = buffered.subarray(chunk.length);
        left -= chunk.length;
        yield chunk;
      }
    },
  };
}

function incomplete(reason: string): S3Error {
  return new S3Error('IncompleteBody', `The request body terminated unexpectedly: ${reason}`);
}
