/** The part of S3 that a delivery needs: each object that is asked for exists, and a DELETE changes nothing. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ETAG, pieceAt, sizeOf } from './stub-file.ts';
import { KIB } from '../lib/domain/units.ts';

/** Large writes, so that a carrier does not wait for the stub server. */
const WRITE_BYTES = 256 * KIB;

/** Answers GET with the object, or with its rest from the start of a range; every other request with success. */
export function answerStorage(request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET') {
    request.resume();
    response.writeHead(request.method === 'DELETE' ? 204 : 200).end();
    return;
  }
  const size = sizeOf(request.url?.split('?', 1)[0] ?? '');
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(start === 0 ? 200 : 206, {
    'accept-ranges': 'bytes',
    'content-length': size - start,
    'content-type': 'application/octet-stream',
    etag: `"${ETAG}"`,
    'last-modified': new Date().toUTCString(),
    ...(start > 0 && { 'content-range': `bytes ${start}-${size - 1}/${size}` }),
  });
  let offset = start;
  const write = (): void => {
    while (offset < size) {
      const piece = pieceAt(offset, Math.min(WRITE_BYTES, size - offset));
      offset += piece.length;
      if (!response.write(piece)) {
        response.once('drain', write);
        return;
      }
    }
    response.end();
  };
  write();
}
