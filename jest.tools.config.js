/** The tests that need the packages of tools/: `npm run test:tools`. */
import base from './jest.config.js';

export default {
  ...base,
  testMatch: ['<rootDir>/tests/tools/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
