/** Log lines for nobody: what a run finds is in the ledger and in IPD. */
import type { Telemetry } from '../../../lib/runtime/telemetry.ts';

export const silence: Telemetry = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  measure: () => undefined,
};
