/**
 * How uploads end, read from the functions' log lines, which follow directly after a state is written. So the bench does
 * not poll the ledger, which would slow down the functions under test.
 */
import { z } from 'zod';
import type { LogLine } from '../local/gateway/runner.ts';

/** `at`: by `performance.now()`. */
export type Ending = { status: string; at: number };

const endedLine = z.object({
  message: z.literal('delivery ended'),
  uploadId: z.string(),
  status: z.string(),
});

export function createEndings() {
  const waiting = new Map<string, (ending: Ending) => void>();
  const deliveredAt = new Map<string, number>();

  return {
    /** How many uploads are delivered by now. */
    delivered: (): number => deliveredAt.size,
    isDelivered: (uploadId: string): boolean => deliveredAt.has(uploadId),
    /** When the latest delivery ended. */
    lastAt: (): number => Math.max(...deliveredAt.values()),
    onLog: ({ functionKey, line }: LogLine): void => {
      if (functionKey !== 'deliver' || !line.includes('"delivery ended"')) return;
      const at = performance.now();
      const { uploadId, status } = endedLine.parse(JSON.parse(line));
      if (status === 'delivered') deliveredAt.set(uploadId, at);
      waiting.get(uploadId)?.({ status, at });
      waiting.delete(uploadId);
    },
    /** The next ending of this upload. */
    of: (uploadId: string): Promise<Ending> => new Promise((resolve) => waiting.set(uploadId, resolve)),
  };
}
