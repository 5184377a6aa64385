/** Runs with every test file: a test in which the product says a secret fails, whatever else it is about. */
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
  if (leaks.length > 0) throw new Error(['the product said what nobody may know:', ...leaks].join('\n'));
}
