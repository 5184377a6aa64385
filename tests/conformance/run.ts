/**
 * `npm run conformance [-- --client NAME] [--json] [--table]`: drives the clients through all scenarios and kills each at
 * every step. The last line is `N passed, N failed`; the exit code is 1 where one failed.
 */
import { parseArgs } from 'node:util';
import { makeTemporaryDirectory } from '../support/probe-stack.ts';
import { DRIVERS } from './drivers.ts';
import type { Driver } from './drivers.ts';
import { startStation } from './station.ts';
import { runSuite } from './suite.ts';
import type { Report } from './suite.ts';
import { writeTable } from './table.ts';

const { values } = parseArgs({
  options: {
    client: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});
const chosen = choose(values.client);
const { only } = values;
const startedAt = performance.now();
const built = await makeTemporaryDirectory();
const station = await startStation();
const reports: Report[] = [];
try {
  for (const driver of chosen) {
    const start = driver.prepare(built.path);
    if (!values.json && start.kind === 'not run') console.log(`${driver.title}: NOT RUN: ${start.why}`);
    const report = await runSuite({
      driver,
      start,
      station,
      fits: ({ group, name }) => only === undefined || `${group}: ${name}`.includes(only),
      onResult({ scenario, kind, faults }) {
        if (values.json) return;
        console.log(
          `${driver.name}: ${scenario.group}: ${scenario.name}: ${[kind, ...faults].join('\n    ')}`,
        );
      },
    });
    reports.push(report);
  }
} finally {
  await station.stop();
  await built.remove();
}
if (values.table) await writeTable(reports);
const count = (wanted: string) =>
  reports.flatMap(({ results }) => results).filter(({ kind }) => kind === wanted).length;
const seconds = Math.round((performance.now() - startedAt) / 1000);
if (values.json) console.log(JSON.stringify(reports.map(summaryOf)));
else console.log(`${seconds} s`);
console.log(`${count('passed')} passed, ${count('failed')} failed`);
process.exitCode = count('failed') > 0 ? 1 : 0;

function summaryOf({ name: client, start, results }: Report) {
  return {
    client,
    ...(start.kind === 'not run' && { notRun: start.why }),
    results: results.map(({ scenario: { group, name }, kind, kills, faults }) => ({
      group,
      name,
      kind,
      kills,
      faults,
    })),
  };
}

function choose(names: string[] | undefined): readonly Driver[] {
  if (!names) return DRIVERS;
  return names.map((wanted) => {
    const driver = DRIVERS.find(({ name }) => name === wanted);
    if (driver) return driver;
    throw new Error(`There is no client ${wanted}, only ${DRIVERS.map(({ name }) => name).join(', ')}`);
  });
}
