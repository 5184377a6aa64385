/**
 * A phone in a process of its own: puts a file of the given size to a URL, with other first bytes each time. Answers
 * with the file's SHA-256 and the time at which storage had answered. Ends with its parent.
 */
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';

export type Put = { url: string; headers: Record<string, string>; size: number };

const FRESH_BYTES = 16;

const files = new Map<number, Buffer>();

process.on('disconnect', () => process.exit(0));
process.on('message', (order: Put) => {
  const file = fileOf(order.size);
  const sha256 = createHash('sha256').update(file).digest('hex');
  const request = http.request(order.url, { method: 'PUT', headers: order.headers }, (answer) => {
    answer.resume().on('end', () => {
      const { statusCode: status } = answer;
      process.send?.({ status, sha256, at: performance.timeOrigin + performance.now() });
    });
  });
  request.on('error', (error) => process.send?.({ error: String(error) }));
  request.setHeader('content-length', order.size);
  request.end(file);
});

function fileOf(size: number): Buffer {
  const file = files.get(size) ?? randomBytes(size);
  files.set(size, file);
  randomBytes(FRESH_BYTES).copy(file);
  return file;
}
