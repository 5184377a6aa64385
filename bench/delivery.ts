/**
 * The cost of a delivery beside its alternatives: CPU, time and memory for 50 MiB and for 1 GiB. The packaged function
 * runs on loopback: over TLS on both legs, as in production, and over plain HTTP, where our own work shows most.
 */
import type { Carried } from './carrier.ts';
import { openStage } from './delivery-stage.ts';
import type { Errand } from './delivery-stage.ts';
import type { Leg } from './servers.ts';
import { median, rowsOf } from './report.ts';
import type { Bench, Row } from './report.ts';
import { GIB, MIB } from '../lib/domain/units.ts';

const SMALL = 50 * MIB;
const ROUNDS = 7;

type Case = Errand & {
  /** Slow alternatives far from any limit are carried in the first round only. */
  once?: boolean;
};

/** Cases that are compared run one after the other, so that a busy spell of the machine affects both. */
const CASES: Case[] = [
  ...(['tls', 'plain'] as const).flatMap((leg): Case[] => [
    { subject: 'bridge', leg, size: GIB },
    { subject: 'bare-pipe', leg, size: GIB },
    { subject: 'bridge', leg, size: SMALL },
    { subject: 'bare-pipe', leg, size: SMALL },
    { subject: 'bridge', leg, size: GIB, isHashed: true },
  ]),
  { subject: 'axios-stream', leg: 'plain', size: GIB },
  { subject: 'axios-lean', leg: 'plain', size: GIB },
  { subject: 'axios-stream', leg: 'plain', size: SMALL, once: true },
  { subject: 'axios-lean', leg: 'plain', size: SMALL, once: true },
  { subject: 'axios-buffer', leg: 'plain', size: GIB, once: true },
  { subject: 'axios-buffer', leg: 'plain', size: SMALL, once: true },
  { subject: 'fetch-blob', leg: 'plain', size: GIB, once: true },
  { subject: 'fetch-blob', leg: 'plain', size: SMALL, once: true },
];

/** The figures of every round of one case. */
type Measured = { errand: Case; rounds: Carried[] };

export const bench: Bench = {
  limits: {
    cpuVsBarePipe: 1.1,
    cpuVsBarePipePlain: 1.15,
    cpuVsBarePipe50MiB: 1.1,
    cpuVsAxios: 0.75,
    cpuVsFetchBlob: 0.25,
    rssGrowth1GiBVs50MiB: 1.05,
    peakRssMiB: 120,
  },

  async measure({ rounds = ROUNDS, log }) {
    const stage = await openStage({ largest: GIB, log });
    const all: Measured[] = CASES.map((errand) => ({ errand, rounds: [] }));
    try {
      for (let round = 1; round <= rounds; round += 1) {
        for (const measured of all) {
          if (measured.errand.once && round > 1) continue;
          const carried = await stage.carry(measured.errand);
          measured.rounds.push(carried);
          log(`round ${round} of ${rounds}, ${describe(measured.errand)}: ${describeFigures(carried)}`);
        }
      }
    } finally {
      await stage.close();
    }
    return { rows: all.flatMap(rowsOfCase), ratios: ratiosOf(all) };
  },
};

function ratiosOf(all: Measured[]): Record<string, number> {
  const find = (subject: string, leg: Leg, size = GIB): Carried[] =>
    all.find(({ errand }) => {
      const isSame = errand.subject === subject && errand.leg === leg && errand.size === size;
      return isSame && !errand.isHashed;
    })?.rounds ?? [];
  const cpu = (subject: string, leg: Leg, size = GIB): number =>
    median(find(subject, leg, size).map((one) => one.cpuSeconds));
  const peak = (leg: Leg, size: number): number =>
    median(find('bridge', leg, size).map((one) => one.peakMiB));
  const bridge = all.filter(({ errand }) => errand.subject === 'bridge').flatMap(({ rounds }) => rounds);
  return {
    cpuVsBarePipe: cpu('bridge', 'tls') / cpu('bare-pipe', 'tls'),
    cpuVsBarePipePlain: cpu('bridge', 'plain') / cpu('bare-pipe', 'plain'),
    cpuVsBarePipe50MiB: cpu('bridge', 'tls', SMALL) / cpu('bare-pipe', 'tls', SMALL),
    cpuVsAxios: cpu('bridge', 'plain') / cpu('axios-stream', 'plain'),
    cpuVsLeanAxios: cpu('bridge', 'plain') / cpu('axios-lean', 'plain'),
    cpuVsFetchBlob: cpu('bridge', 'plain') / cpu('fetch-blob', 'plain'),
    rssGrowth1GiBVs50MiB: peak('tls', GIB) / peak('tls', SMALL),
    // A file of 50 MiB ends before V8 has compiled all the code that a longer file uses: some MiB, once.
    rssGrowthPlain: peak('plain', GIB) / peak('plain', SMALL),
    peakRssMiB: Math.max(...bridge.map((one) => one.peakMiB)),
  };
}

function rowsOfCase({ errand, rounds }: Measured): Row[] {
  const subject = errand.subject + (errand.isHashed ? ' with SHA-256' : '');
  const what = `${errand.size === GIB ? '1 GiB' : '50 MiB'} ${errand.leg === 'tls' ? 'over TLS' : 'plain'}`;
  const perGiB = GIB / errand.size;
  return [
    { metric: `${what}, CPU`, unit: 's/GiB', values: rounds.map((one) => one.cpuSeconds * perGiB) },
    { metric: `${what}, time`, unit: 's/GiB', values: rounds.map((one) => one.wallSeconds * perGiB) },
    { metric: `${what}, peak RSS`, unit: 'MiB', values: rounds.map((one) => one.peakMiB) },
  ].flatMap((figure) => rowsOf({ subject, ...figure }).slice(0, rounds.length > 1 ? undefined : 1));
}

function describe({ subject, leg, size, isHashed }: Case): string {
  return `${subject}${isHashed ? ' with SHA-256' : ''}, ${Math.round(size / MIB)} MiB, ${leg}`;
}

function describeFigures({ cpuSeconds, wallSeconds, peakMiB }: Carried): string {
  return `${cpuSeconds.toFixed(2)} s CPU, ${wallSeconds.toFixed(2)} s, ${Math.round(peakMiB)} MiB`;
}
