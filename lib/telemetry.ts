/**
 * Log lines: one JSON object a change of state, constant words with values in fields.
 * Never given a URL with a signature, a token, a body or a whole event.
 */
import { Logger } from '@aws-lambda-powertools/logger';

export type Telemetry = ReturnType<typeof createTelemetry>;

type Fields = Record<string, string | number | boolean | undefined>;

export function createTelemetry() {
  const logger = new Logger({ serviceName: 'ipd-attachment-bridge' });
  return {
    info: (message: string, fields: Fields = {}): void => logger.info(message, fields),
    warn: (message: string, fields: Fields = {}): void => logger.warn(message, fields),
    error: (message: string, error: unknown, fields: Fields = {}): void =>
      logger.error(message, { ...fields, error: error instanceof Error ? error : new Error(String(error)) }),
  };
}
