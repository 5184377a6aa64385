/**
 * How far the deliveries of one file lie apart: 1 GiB over TLS, again and again, by the bridge and by the bare pipe
 * alternately. For each round that took more than half again the usual CPU it tells what the kernel had in it.
 */
import type { Carried } from './carrier.ts';
import { openStage } from './delivery-stage.ts';
import { median, rowsOf } from './report.ts';
import type { Bench } from './report.ts';
import { GIB } from '../lib/domain/units.ts';

const ROUNDS = 20;
const UNUSUAL = 1.5;
const SUBJECTS = ['bridge', 'bare-pipe'];

export const bench: Bench = {
  limits: { unusualRounds: 0 },

  async measure({ rounds = ROUNDS, log }) {
    const stage = await openStage({ largest: GIB, log });
    const all = new Map<string, Carried[]>(SUBJECTS.map((subject) => [subject, []]));
    try {
      for (let round = 1; round <= rounds; round += 1) {
        for (const [subject, carried] of all) {
          carried.push(await stage.carry({ subject, leg: 'tls', size: GIB }));
          log(`round ${round} of ${rounds}, ${subject}: ${describe(carried.at(-1))}`);
        }
      }
    } finally {
      await stage.close();
    }
    for (const [subject, carried] of all)
      for (const one of unusualOf(carried)) log(`${subject}: ${describe(one)}`);
    const bridge = all.get('bridge') ?? [];
    return {
      rows: [...all].flatMap(([subject, carried]) => [
        ...rowsOf({ subject, metric: 'CPU', unit: 's/GiB', values: carried.map((one) => one.cpuSeconds) }),
        ...rowsOf({
          subject,
          metric: 'of it in the kernel',
          unit: 's/GiB',
          values: carried.map((one) => one.systemSeconds),
        }),
        ...rowsOf({ subject, metric: 'page faults', unit: '', values: carried.map((one) => one.pageFaults) }),
        { subject, metric: 'unusual rounds', value: unusualOf(carried).length, unit: `of ${carried.length}` },
      ]),
      ratios: { unusualRounds: unusualOf(bridge).length },
    };
  },
};

function unusualOf(carried: readonly Carried[]): Carried[] {
  const usual = median(carried.map((one) => one.cpuSeconds));
  return carried.filter(({ cpuSeconds }) => cpuSeconds > UNUSUAL * usual);
}

function describe(one: Carried | undefined): string {
  if (one === undefined) return 'nothing';
  const { cpuSeconds, systemSeconds, pageFaults, wallSeconds } = one;
  return `${cpuSeconds.toFixed(2)} s CPU, ${systemSeconds.toFixed(2)} s of it in the kernel, ${pageFaults} page faults, ${wallSeconds.toFixed(2)} s`;
}
