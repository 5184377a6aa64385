/** All scenarios with one client: the undisturbed run first, since it shows the steps at which the client is killed. */
import type { Driver } from './drivers.ts';
import type { Start } from '../../tools/sample-compilers.ts';
import { killsOf, PLAIN, SCENARIOS } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import type { Station } from './station.ts';
import { runTrial } from './trial.ts';
import type { Result } from './trial.ts';

export type Report = { title: string; name: string; start: Start; results: Result[] };

type Work = {
  driver: Driver;
  start: Start;
  station: Station;
  /** Which scenarios to run beside the undisturbed one; all if not given. */
  fits?: (scenario: Scenario) => boolean;
  onResult?: (result: Result) => void;
};

/** Runs them, several at the same time; a client that cannot run here has no results. */
export async function runSuite({
  driver,
  start,
  station,
  fits = () => true,
  onResult,
}: Work): Promise<Report> {
  const { name, title, atOnce } = driver;
  const results: Result[] = [];
  const report: Report = { name, title, start, results };
  if (start.kind === 'not run') return report;
  const { commandLine } = start;
  const run = async (scenario: Scenario): Promise<Result> => {
    const result = await runTrial({ scenario, station, commandLine });
    results.push(result);
    onResult?.(result);
    return result;
  };
  const plain = await run(PLAIN);
  const queue = [...SCENARIOS, ...killsOf(plain.events, plain.exchanges)].filter(fits).values();
  const work = async (): Promise<void> => {
    for (const scenario of queue) await run(scenario);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return report;
}
