/**
 * `npm run memory [-- MIB MIB]`: delivers a small and a large file, each through a stack of its own, and
 * compares the peak memory of the delivery process: it must not depend on the file's size.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createClient } from '../packages/client/src/node.ts';
import { startStack } from '../local/stack.ts';
import { runCommand } from './command.ts';
import { ANY_WORK_ITEM, mintToken } from './local-stack.ts';
import { createProgress } from './progress.ts';
import { print } from './terminal.ts';
import { sendFile } from './transfer.ts';
import { MIB } from '../lib/domain/units.ts';

const USAGE = `Usage: npm run memory [-- MIB MIB]

Delivers two files of these sizes (50 and 1024 MiB if not given) and prints the delivery process's
peak memory for each. Exit code 0 when they are within 16 MiB of each other.`;

const ALLOWED_GROWTH_MIB = 16;

process.exitCode = await runCommand({ usage: USAGE, read: readOptions, run: compare });

async function compare([small, large]: [number, number], signal: AbortSignal): Promise<boolean> {
  const before = await peakOf(small, signal);
  const after = await peakOf(large, signal);
  const growth = after - before;
  const isFlat = growth <= ALLOWED_GROWTH_MIB;
  print(`${small} MiB: peak ${before} MiB\n${large} MiB: peak ${after} MiB`);
  print(`growth ${growth} MiB, allowed ${ALLOWED_GROWTH_MIB} MiB: ${isFlat ? 'flat' : 'NOT flat'}`);
  return isFlat;
}

/** The peak resident memory, in MiB, of the process that delivered a file of `size` MiB. */
async function peakOf(size: number, signal: AbortSignal): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-memory-'));
  const peaks: number[] = [];
  try {
    const path = join(directory, `${size} MiB.bin`);
    const file = await open(path, 'w');
    await file.truncate(size * MIB);
    await file.close();
    const stack = await startStack({
      ports: 'free',
      dataDirectory: directory,
      environment: { MAX_FILE_BYTES: String(size * MIB) },
      onLog: ({ functionKey, line }) => {
        const used =
          functionKey === 'deliver' ? /^REPORT .*Max Memory Used: (\d+) MB/.exec(line)?.[1] : undefined;
        if (used !== undefined) peaks.push(Number(used));
      },
    });
    try {
      const token = await mintToken(stack.urls.tokenUrl, 'memory');
      const client = createClient({ apiUrl: stack.urls.apiUrl, token });
      const progress = createProgress(process.stderr);
      const { upload } = await sendFile({ client, path, ...ANY_WORK_ITEM, progress, signal });
      if (upload.status !== 'delivered') throw new Error(`the upload ended as ${upload.status}`);
      while (peaks.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      await stack.stop();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return Math.max(...peaks);
}

function readOptions(): [number, number] | 'help' {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) return 'help';
  const [small = 50, large = 1024] = positionals.map(Number);
  if (!(small >= 1 && large >= 1)) throw new Error('give two sizes in MiB');
  return [small, large];
}
