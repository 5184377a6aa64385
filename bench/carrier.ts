/**
 * Carries two files in a process of its own, as Lambda would: a small one to warm up, then the one that is measured.
 * The first argument names the module that carries them: a packaged function, or a peer's `carry`.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** One file, its source and its target; `event` is the event that a function gets for it. */
export type Load = {
  bucket: string;
  key: string;
  size: number;
  fileUrl: string;
  uploadUrl: string;
  event: object;
};

export type Carry = (load: Load) => Promise<void>;

/**
 * CPU of all threads while the file was carried, and what of it the kernel took; how often it had to map a page; the
 * memory is the peak of the process.
 */
export type Carried = {
  cpuSeconds: number;
  systemSeconds: number;
  pageFaults: number;
  wallSeconds: number;
  peakMiB: number;
};

type Handler = (event: object, context: object) => Promise<{ batchItemFailures: unknown[] }>;

const TIMEOUT_MS = 300_000;

const [modulePath = '', ...loads] = process.argv.slice(2);
const [warmUp, load]: Load[] = loads.map((text) => JSON.parse(text));
if (warmUp === undefined || load === undefined) throw new Error('usage: carrier MODULE LOAD LOAD');
const module: { carry?: Carry; handler?: Handler } = await import(pathToFileURL(modulePath).href);
const carry = module.carry ?? asLambda(module.handler);

await carry(warmUp);
const startedAt = performance.now();
const before = process.resourceUsage();
await carry(load);
const after = process.resourceUsage();
const systemSeconds = (after.systemCPUTime - before.systemCPUTime) / 1e6;
const carried: Carried = {
  cpuSeconds: (after.userCPUTime - before.userCPUTime) / 1e6 + systemSeconds,
  systemSeconds,
  pageFaults: after.minorPageFault + after.majorPageFault - before.minorPageFault - before.majorPageFault,
  wallSeconds: (performance.now() - startedAt) / 1000,
  peakMiB: peakMemory(),
};
// Idle keep-alive sockets would keep the process running.
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

/** In MiB. On Linux `resourceUsage` would not do: it starts with the memory of the parent at the time of the fork. */
function peakMemory(): number {
  const kilobytes =
    process.platform === 'linux'
      ? Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
      : process.resourceUsage().maxRSS;
  return kilobytes / 1024;
}
