/** One stage of tests/stages.ts; without STAGE that of `npm test`. Node strips the types itself, so there is nothing to transform. */
import { stageNamed } from './tests/stages.ts';
import { phoneModules } from './tests/support/phone-modules.ts';

const { files = [], setup = [] } = stageNamed(process.env.STAGE ?? 'test');

export default {
  testEnvironment: 'node',
  testMatch: files.map((glob) => `<rootDir>/${glob}`),
  globalSetup: '<rootDir>/tests/support/compile-cache.ts',
  globalTeardown: '<rootDir>/tests/support/remove-compile-cache.ts',
  setupFiles: [
    '<rootDir>/tests/support/quiet.ts',
    '<rootDir>/tests/support/language.ts',
    ...(process.env.STEADY_SEED === undefined ? [] : ['<rootDir>/tests/steady/late-answers.ts']),
  ],
  setupFilesAfterEnv: ['tests/support/scan.ts', 'tests/support/no-sockets.ts', ...setup].map(
    (path) => `<rootDir>/${path}`,
  ),
  transform: {},
  moduleNameMapper: Object.fromEntries(
    Object.entries(phoneModules).map(([name, path]) => [`^${name}$`, `<rootDir>/${path}`]),
  ),
  extensionsToTreatAsEsm: ['.ts'],
  // All cores: tests spend most of their time waiting for other processes and sockets.
  maxWorkers: '100%',
  // A worker keeps the modules of each file that it has run, until its heap has 3.7 GB and is slow to collect. Above this
  // limit another takes its place. https://github.com/jestjs/jest/issues/14605
  workerIdleMemoryLimit: '1GB',
  // Only a net against a hang: no test depends on the machine's speed.
  testTimeout: 1_800_000,
};
