/** Runs with every test file: each test fails in which the product reveals a secret. */
import { afterAll, afterEach } from '@jest/globals';
import { takeLeaks, watch } from './secrets.ts';

const stop = watch();

afterEach(failOnLeaks);
afterAll(() => {
  stop();
  failOnLeaks();
});

function failOnLeaks(): void {
  const { leaks } = takeLeaks();
  if (leaks.length > 0) throw new Error(['the product revealed a secret:', ...leaks].join('\n'));
}
