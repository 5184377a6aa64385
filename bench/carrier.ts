/**
 * Carries one file in a process of its own, as Lambda would run it: once small to warm up, once for the measure.
 * What carries is the module named first: a packaged function, or a peer's `carry`.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** One file and the two places of its way; `event` is how a function hears of it. */
export type Load = {
  bucket: string;
  key: string;
  size: number;
  fileUrl: string;
  uploadUrl: string;
  event: object;
};

export type Carry = (load: Load) => Promise<void>;

/** CPU of all threads, for the carrying alone; the memory is the process's peak. */
export type Carried = { cpuSeconds: number; wallSeconds: number; peakMiB: number };

type Handler = (event: object, context: object) => Promise<{ batchItemFailures: unknown[] }>;

const TIMEOUT_MS = 300_000;

const [modulePath = '', ...loads] = process.argv.slice(2);
const [warmUp, load]: Load[] = loads.map((text) => JSON.parse(text));
if (warmUp === undefined || load === undefined) throw new Error('usage: carrier MODULE LOAD LOAD');
const module: { carry?: Carry; handler?: Handler } = await import(pathToFileURL(modulePath).href);
const carry = module.carry ?? asLambda(module.handler);

await carry(warmUp);
const startedAt = performance.now();
const cpuBefore = process.cpuUsage();
await carry(load);
const { user, system } = process.cpuUsage(cpuBefore);
const carried: Carried = {
  cpuSeconds: (user + system) / 1e6,
  wallSeconds: (performance.now() - startedAt) / 1000,
  peakMiB: peakMemory(),
};
// Sockets that are kept for a next file would keep this process, too.
process.send?.(carried, undefined, undefined, () => process.exit(0));

function asLambda(handler: Handler | undefined): Carry {
  if (handler === undefined) throw new Error(`${modulePath} carries nothing`);
  return async ({ event }) => {
    const deadline = Date.now() + TIMEOUT_MS;
    const context = { getRemainingTimeInMillis: () => deadline - Date.now() };
    const { batchItemFailures } = await handler(event, context);
    if (batchItemFailures.length > 0) throw new Error('the function gave its message back');
  };
}

/** In MiB. On Linux not by the resource usage: that one starts with what the parent held when it made this process. */
function peakMemory(): number {
  const kilobytes =
    process.platform === 'linux'
      ? Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
      : process.resourceUsage().maxRSS;
  return kilobytes / 1024;
}
