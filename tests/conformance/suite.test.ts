import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compileCache } from '../support/compile-cache.ts';
import { inNode } from './drivers.ts';
import type { Fault } from './drivers/faulty.ts';
import { PLAIN, SCENARIOS } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import { startStation } from './station.ts';
import type { Station } from './station.ts';
import { tableOf } from './table.ts';
import { runTrial } from './trial.ts';

let station: Station;

beforeAll(async () => {
  station = await startStation({ cacheDirectory: compileCache() });
});

afterAll(() => station?.stop());

/** In the middle of the file, when storage has some of it. */
const KILL: Scenario = {
  group: 'kill before a request',
  name: 'part 3',
  rules: [{ on: 'part 3', act: { do: 'stop', when: 'before' } }],
  kills: ['stop'],
  ends: 'delivered',
};
/** Each life ends before its client can say anything but `started`. */
const SPEECHLESS: Scenario = {
  group: 'kill after an answer',
  name: 'create, in two lives',
  rules: [{ on: 'create', times: 2, act: { do: 'stop', when: 'after' } }],
  kills: ['stop', 'stop'],
  ends: 'delivered',
};
const QUICK = new Set(['from complete on', 'part lost', 'URLs', 'cancelled']);
const REFUSED = SCENARIOS.find(({ ipd }) => ipd === 'refuses files') ?? PLAIN;

async function faultsOf(fault: Fault, scenario: Scenario): Promise<readonly string[]> {
  const commandLine = [...inNode('faulty.ts').commandLine, fault];
  const { faults } = await runTrial({ scenario, station, commandLine });
  return faults;
}

describe('the conformance suite', () => {
  it('finds nothing wrong with a client without a fault', async () => {
    expect(await faultsOf('none', KILL)).toEqual([]);
    expect(await faultsOf('none', REFUSED)).toEqual([]);
  });

  it('finds a client that takes another key after a restart', async () => {
    const faults = await faultsOf('another key after a restart', KILL);

    expect(faults).toContain('the API has 2 uploads, not 1');
  });

  it('finds a client that sends parts again which storage has', async () => {
    const faults = await faultsOf('all parts again after a restart', KILL);

    expect(faults).toEqual(['sent part 1 again, which storage had', 'sent part 2 again, which storage had']);
  });

  it('finds a client that does not wait as long as it is asked to', async () => {
    const faults = await faultsOf('no wait between requests', PLAIN);

    expect(faults).toContainEqual(
      expect.stringMatching(/^asked for status after \d+ ms instead of 1000 ms$/),
    );
  });

  it('finds a client that shows its token to storage', async () => {
    const faults = await faultsOf('its token to storage', PLAIN);

    expect(faults).toContain('sent authorization with part 1 to storage');
  });

  it('finds a client that leaves its state behind', async () => {
    expect(await faultsOf('its state kept', PLAIN)).toEqual(['left behind: upload']);
  });

  it('finds a client that keeps the reason of a failure to itself', async () => {
    expect(await faultsOf('no reason', REFUSED)).toEqual(['gave no reason for its end']);
  });

  it('finds a client that sends other bytes', async () => {
    expect(await faultsOf('other bytes', PLAIN)).toEqual(['IPD has other bytes']);
  });

  it('finds a client that is no program', async () => {
    const { faults } = await runTrial({ scenario: PLAIN, station, commandLine: ['/nonexistent'] });

    expect(faults).toEqual(['spawn /nonexistent ENOENT']);
  });
});

describe('the client in Node', () => {
  const { commandLine } = inNode('node.ts');
  const quick: Scenario[] = [KILL, SPEECHLESS, ...SCENARIOS.filter(({ name }) => QUICK.has(name))];

  it.each(quick)('passes $group: $name', async (scenario) => {
    const { kind, faults } = await runTrial({ scenario, station, commandLine });

    expect({ kind, faults }).toEqual({ kind: 'passed', faults: [] });
  });
});

describe('the table', () => {
  it('counts kills and scenarios, and says why a client was not run', () => {
    const result = { faults: [], kills: 1, events: [], exchanges: [], kind: 'passed' } as const;
    const node = { name: 'node', title: 'Node', start: inNode('node.ts') };
    const start = { kind: 'not run', why: 'no compiler' } as const;
    const failed = { ...result, scenario: PLAIN, kind: 'failed', kills: 0, faults: ['no'] } as const;

    const table = tableOf([
      { ...node, results: [{ ...result, scenario: KILL }, { ...result, scenario: PLAIN, kills: 0 }, failed] },
      { name: 'swift', title: 'Swift', start, results: [] },
    ]);

    expect(table.split('\n').map((row) => row.split(' | ').slice(0, 5).join(' | '))).toEqual([
      '| Client | kills | plain | kill at an event | kill before a request',
      '| --- | --- | --- | --- | ---',
      '| Node | 1 | 1 of 2 | – | 1',
      '| Swift | NOT RUN: no compiler |  |  | ',
    ]);
  });
});
