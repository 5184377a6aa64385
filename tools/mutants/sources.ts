/** What is mutated, with which tests, and which of them are a file's own. */

/** Where the decisions of the product are. */
export const SOURCES = [
  'lib/{domain,delivery,ledger,links,pacing,uploads,storage,messaging,ingestion,http,ipd}/*.ts',
  'functions/*.ts',
  'deploy/*.ts',
  'packages/*/src/*.ts',
];

/** Tests that run the product in their own process, where it can be changed. */
export const TESTS = [
  'tests/unit/**/*.test.ts',
  'tests/rules/**/*.test.ts',
  'tests/integration/{delivery,ledger,pacing,uploads,storage,messaging,ingestion,functions,ipd,deploy}/*.test.ts',
  'tests/integration/{client,expo,uppy}/*.test.ts',
  'tests/stack/{expo,uppy,deploy}/*.test.ts',
  'tests/integration/*.test.ts',
];

/** Unit tests, then rules on ends in memory, then what needs sockets: how soon a test file is played. */
export function rankOf(test: string): 0 | 1 | 2 {
  if (test.startsWith('tests/unit/')) return 0;
  return test.startsWith('tests/rules/') ? 1 : 2;
}

/** Unit tests, and those of the same path: `lib/delivery/sweep.ts` has `tests/rules/delivery/sweep-slots.test.ts`. */
export function isNear(test: string, file: string): boolean {
  if (rankOf(test) === 0) return true;
  const [, path = ''] = /^tests\/(?:rules|integration|stack)\/(.+)\.test\.ts$/.exec(test) ?? [];
  // A package is tested as a whole.
  const [, inPackage] = /^packages\/([^/]+)\//.exec(file) ?? [];
  if (inPackage !== undefined) return path.startsWith(`${inPackage}/`);
  const own = file.replace(/^lib\//, '').replace(/\.ts$/, '');
  return path === own || path.startsWith(`${own}-`);
}
