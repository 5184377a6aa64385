/** A campaign's report in lines for people: what was answered how often, and each thing that went wrong. Pure. */
import type { runCampaign } from './campaign.ts';

export type Report = Awaited<ReturnType<typeof runCampaign>>;

/** What went wrong, one thing each; empty when all is well. */
export function troublesOf({ failures, ipd }: Report): string[] {
  return [
    ...failures,
    ...ipd.injected.map((name) => `IPD has read a name that nests: ${JSON.stringify(name)}`),
  ];
}

export function summarize(report: Report): string[] {
  const { inputs, seed, seconds, peakRssMb, heapMb, routes, ipd } = report;
  const troubles = troublesOf(report);
  const names = Object.keys(routes).toSorted();
  const width = Math.max(0, ...names.map((name) => name.length));
  return [
    `${inputs} inputs with seed ${seed} in ${seconds} s; ${peakRssMb} MB at most, ${heapMb.join(', ')} MB in use`,
    ...names.map((name) => `  ${name.padEnd(width)}  ${countsOf(routes[name] ?? {})}`),
    `${ipd.attachments} attachments in IPD`,
    ...troubles.map((trouble) => `WRONG: ${trouble}`),
    troubles.length === 0
      ? 'Nothing went wrong.'
      : `${troubles.length} went wrong: --seed ${seed} repeats it.`,
  ];
}

function countsOf(seen: Record<string, number>): string {
  return Object.entries(seen)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([answer, count]) => `${answer}: ${count}`)
    .join(', ');
}
