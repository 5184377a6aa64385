/** The embedded stack with the probe service on free ports and a data directory of its own. */
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogLine } from '../../local/gateway/runner.ts';
import { startStack } from '../../local/stack.ts';
import { compileCache } from './compile-cache.ts';

export const PROBE_DIRECTORY = join(import.meta.dirname, 'service');

/** Collects log lines and says when one that fits has come. */
export function createLogCollector() {
  const lines: LogLine[] = [];
  const news = new EventEmitter();
  return {
    lines,
    log: (line: LogLine): void => {
      lines.push(line);
      news.emit('line');
    },
    async waitFor(fits: (line: LogLine) => boolean): Promise<LogLine> {
      for (;;) {
        const found = lines.find(fits);
        if (found !== undefined) return found;
        await once(news, 'line');
      }
    },
  };
}

export async function makeTemporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'probe-'));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 10 }) };
}

export async function startProbeStack(options: {
  dataDirectory: string;
  environment?: Record<string, string>;
  /** By default the one that all tests share. */
  cacheDirectory?: string | undefined;
}) {
  const logs = createLogCollector();
  const stack = await startStack({
    cacheDirectory: compileCache(),
    ...options,
    ports: 'free',
    serviceDirectory: PROBE_DIRECTORY,
    onLog: logs.log,
  });
  return { ...stack, logs };
}
