/**
 * Names that only this process resolves, as those of a private cloud are resolved only there: they lead to 127.0.0.1.
 * No other name leads anywhere, and each that was asked for is noted.
 */
import { afterAll, afterEach } from '@jest/globals';
import dns from 'node:dns';
import { isIP } from 'node:net';

type Callback = (error: Error | null, address?: unknown, family?: number) => void;

/** Holds for the whole test file; `asked` is empty again after each test. */
export function useNames(names: readonly string[]): { asked: string[] } {
  const { lookup } = dns;
  const asked: string[] = [];
  const ownLookup = (name: string, options: { all?: boolean }, callback: Callback): void => {
    if (isIP(name) !== 0) {
      Reflect.apply(lookup, dns, [name, options, callback]);
      return;
    }
    asked.push(name);
    if (!names.includes(name)) {
      callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
    } else if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  };
  Object.assign(dns, { lookup: ownLookup });
  afterEach(() => {
    asked.splice(0);
  });
  afterAll(() => {
    dns.lookup = lookup;
  });
  return { asked };
}
