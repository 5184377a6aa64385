/** What is mutated, and with which tests. */

/** Where the guards of a delivery are. */
export const SOURCES = 'lib/{domain,delivery,ledger,links,pacing,uploads,storage,messaging,ingestion}/*.ts';

/** Tests that run the product in their own process, where it can be changed. */
export const TESTS = [
  'tests/unit/**/*.test.ts',
  'tests/integration/{delivery,ledger,pacing,uploads,storage,messaging,ingestion,functions}/*.test.ts',
  'tests/integration/*.test.ts',
];
