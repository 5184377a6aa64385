/** The tests that need a browser: `npm run test:browser`. One file at a time, since each has a stack of its own. */
import base from './jest.config.js';

export default {
  ...base,
  testMatch: ['<rootDir>/tests/browser/**/*.browser.ts'],
  maxWorkers: 1,
  // With a limit, jest starts a worker of its own; these few files fit into the one process.
  workerIdleMemoryLimit: undefined,
  testTimeout: 90_000,
};
