/**
 * Runs before each test file. The product's log lines would hide jest's output: they are not printed, but given to
 * the check for secrets.
 */
import { channel } from 'node:diagnostics_channel';

process.env['POWERTOOLS_LOG_LEVEL'] ??= 'INFO';

const PRINT = Symbol.for('what printed before any test file');
const lines = channel('product-line');

for (const stream of [process.stdout, process.stderr]) {
  const print: unknown = Reflect.get(stream, PRINT) ?? stream.write.bind(stream);
  Reflect.set(stream, PRINT, print);
  Reflect.set(stream, 'write', (chunk: unknown, ...rest: unknown[]): unknown => {
    if (typeof chunk !== 'string' || !/^\{"(?:level|_aws)":/.test(chunk)) {
      return typeof print === 'function' && print(chunk, ...rest);
    }
    lines.publish(chunk);
    return true;
  });
}
