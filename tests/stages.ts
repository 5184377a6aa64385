/**
 * The stages of `npm run test:all`: which test files and programs each one runs. jest, the runner, the check that each test
 * file is in exactly one stage and the table of docs/testing.md read this.
 */

export type Stage = {
  name: string;
  /** What it tries. */
  title: string;
  /** Scripts of package.json, which it runs one after the other. */
  scripts: string[];
  /** The test files that jest runs, as globs from the root. */
  files?: string[];
  /** Modules that jest loads before each of them. */
  setup?: string[];
  /** It needs the packages of tools/. */
  isWithTools?: true;
  /** How many it keeps busy, of which each runs one file at a time; less than one if it often waits. */
  cores: number | 'all';
};

/** In the order in which they begin: the longest first. */
export const STAGES: readonly Stage[] = [
  {
    name: 'test',
    title:
      'what a change needs: decisions, rules, adapters over sockets, one whole way per feature, documents; 200 random schedules',
    scripts: ['test'],
    files: [
      'tests/{unit,rules,ends,integration,checks,contract,e2e}/**/*.test.ts',
      'tests/chaos/{simulation,found}.test.ts',
    ],
    cores: 'all',
  },
  {
    name: 'browser',
    title: 'the pages and the packages in Chromium',
    scripts: ['test:browser'],
    files: ['tests/browser/*.browser.ts'],
    setup: ['tests/browser/watchdog.ts'],
    cores: 0.5,
  },
  {
    name: 'stack',
    title: 'the rest of what starts the whole stack or programs of the command line',
    scripts: ['test:stack'],
    files: ['tests/stack/**/*.test.ts'],
    cores: 0.5,
  },
  {
    name: 'kills',
    title: 'processes that are killed or stopped at any step, ten random schedules over the embedded stack',
    scripts: ['test:kills'],
    files: ['tests/chaos/real/*.test.ts', 'tests/kills/**/*.test.ts'],
    cores: 0.75,
  },
  {
    name: 'faults',
    title:
      'whether the simulation finds a product that lacks something, and whether hostile input breaks one',
    scripts: ['test:faults'],
    files: ['tests/chaos/{oracle,enumeration,outage,patience,scale}.test.ts', 'tests/fuzz/*.test.ts'],
    cores: 0.75,
  },
  {
    name: 'packages',
    title: 'whether apps can install and use the packages',
    scripts: ['check:packages'],
    isWithTools: true,
    cores: 0.75,
  },
  {
    name: 'tools',
    title: 'layers, generated files, the packaged functions',
    scripts: ['test:tools'],
    files: ['tests/tools/*.test.ts'],
    isWithTools: true,
    cores: 0.75,
  },
  {
    name: 'samples',
    title: 'whether the files for phones compile',
    scripts: ['check:samples'],
    cores: 1,
  },
  {
    name: 'conformance',
    title:
      'whether the suite for clients finds faulty ones, and the client in Node passes its quick scenarios',
    scripts: ['test:conformance'],
    files: ['tests/conformance/*.test.ts'],
    cores: 0.5,
  },
  {
    name: 'exhaustive',
    title: 'every single fault at every call of the small worlds',
    scripts: ['test:exhaustive'],
    cores: 'all',
  },
  {
    name: 'model',
    title: 'every run of the protocol ([the assumptions](delivery.md#assumptions))',
    scripts: ['model'],
    cores: 'all',
  },
];

/** @throws an Error that names all stages, for a name that none has. */
export function stageNamed(name: string): Stage {
  const stage = STAGES.find((one) => one.name === name);
  if (stage !== undefined) return stage;
  throw new Error(`There is no stage ${name}, only ${STAGES.map((one) => one.name).join(', ')}`);
}
