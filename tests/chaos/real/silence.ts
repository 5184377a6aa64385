/** Discards all log lines: a run reads the ledger and IPD instead. */
import type { Telemetry } from '../../../lib/runtime/telemetry.ts';

export const silence: Telemetry = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  addMetrics: () => undefined,
};
