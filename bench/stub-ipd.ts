/**
 * The part of IPD that a delivery needs: a token, an empty list, and an upload that is compared byte for byte and not
 * kept. A request that differs from IPD's documentation is refused, so a wrong carrier gets no figure.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pieceAt } from './stub-file.ts';
import { DAY_MS, KIB } from '../lib/domain/units.ts';

const MAX_HEAD_BYTES = 16 * KIB;
const PART =
  /^--([^\r\n]+)\r\nContent-Disposition: form-data; name="attachment"; filename="[^"]+"\r\nContent-Type: [^\r\n]+\r\n\r\n/i;

let lastId = 956_239_067_176_935_400n;

/** Calls `onReceived` with the size of the file of each complete upload. */
export function createIpdAnswers(onReceived: (size: number) => void) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (request.method !== 'POST' || request.url === undefined) {
      request.resume();
      answer(response, 200, { status: 'success', result: [] });
    } else if (request.url.startsWith('/v3/auth/tokens')) {
      request.resume();
      response.setHeader('x-subject-token', 'the token of the bench');
      answer(response, 201, { token: { expires_at: new Date(Date.now() + DAY_MS).toISOString() } });
    } else receive(request, response, onReceived);
  };
}

function receive(
  request: IncomingMessage,
  response: ServerResponse,
  onReceived: (size: number) => void,
): void {
  const contentLength = Number(request.headers['content-length']);
  const boundary = /boundary="?([^";]+)/.exec(request.headers['content-type'] ?? '')?.[1] ?? '';
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  /** The file's size; unknown until the part's header has been read. */
  let size = Number.NaN;
  let received = 0;
  let problem = contentLength > 0 ? '' : 'a body of unknown length';
  let edge = Buffer.alloc(0);

  request.on('data', (chunk: Buffer) => {
    let rest = chunk;
    if (Number.isNaN(size)) {
      edge = Buffer.concat([edge, chunk]);
      const head = PART.exec(edge.toString('latin1', 0, MAX_HEAD_BYTES));
      if (head === null) {
        if (edge.length > MAX_HEAD_BYTES) problem ||= 'no head of a part';
        return;
      }
      if (head[1] !== boundary) problem ||= 'another boundary than announced';
      size = contentLength - head[0].length - tail.length;
      rest = edge.subarray(head[0].length);
      edge = Buffer.alloc(0);
    }
    const ofFile = rest.subarray(0, Math.max(size - received, 0));
    if (!ofFile.equals(pieceAt(received, ofFile.length)))
      problem ||= `other bytes than sent, near ${received}`;
    received += ofFile.length;
    if (ofFile.length < rest.length) edge = Buffer.concat([edge, rest.subarray(ofFile.length)]);
  });
  request.on('end', () => {
    if (!(size >= 0) || received !== size) problem ||= 'an incomplete body';
    if (!edge.equals(tail)) problem ||= 'no closing boundary';
    if (problem !== '') {
      answer(response, 400, { error_msg: problem });
      return;
    }
    onReceived(size);
    lastId += 1n;
    answer(response, 200, { status: 'success', message: null, result: [{ id: String(lastId) }] });
  });
}

function answer(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
