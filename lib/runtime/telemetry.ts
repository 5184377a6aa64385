/**
 * Log lines: one JSON object a change of state, constant words with values in fields. And metrics, as lines that
 * CloudWatch makes them of (EMF). Never given a URL with a signature, a token, a body or a whole event.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';

export type Telemetry = ReturnType<typeof createTelemetry>;

export type Fields = Record<string, string | number | boolean | undefined>;

/** Beside the name of the service, which tells one stage from another (POWERTOOLS_SERVICE_NAME, the dimension `service`). */
const NAMESPACE = 'ipd-attachment-bridge';

const { Bytes, Count, Milliseconds, Seconds } = MetricUnit;

/** All that is measured, by the names that resources/observability.yml knows. */
const UNITS = {
  Created: Count,
  Staged: Count,
  Delivered: Count,
  /** Also by `code`. */
  Failed: Count,
  Expired: Count,
  DeliveredBytes: Bytes,
  /** From the file's arrival to its attachment. */
  DeliveryTime: Milliseconds,
  /** Of an upload that has ended. */
  Attempts: Count,
  /** Answers of IPD that got lost, so that it may have the file. */
  Doubts: Count,
  Duplicates: Count,
  /**
   * For a person to look at: answers of IPD that cannot all be true (an id that is another's, a success without a trace), and
   * looks for a second copy that cannot be made.
   */
  Contradictions: Count,
  /** IPD did not take our credentials, or they could not be read. */
  AuthenticationFailures: Count,
  /** IPD asked for fewer requests. */
  IpdThrottles: Count,
  /** Messages and due uploads that could not be dealt with; they come again. */
  Unhandled: Count,
  /** By how much the most overdue upload is late. */
  OldestDueAge: Seconds,
  OpenUploads: Count,
  /** 1 while nobody may speak to IPD, but to try. */
  BreakerOpen: Count,
} as const;

/** Their names. */
export const MEASURES: readonly string[] = Object.keys(UNITS);

export type Measures = { [Name in keyof typeof UNITS]?: number };

/** What every line says of the call that it belongs to: a container has one at a time. */
let call: Fields = {};

/** From here on, lines belong to this call: `requestId` is the gateway's, `invocationId` Lambda's. */
export function bindCall(ids: { requestId?: string; invocationId: string }): void {
  call = ids;
}

export function createTelemetry() {
  const logger = new Logger();
  const metrics = new Metrics({ namespace: NAMESPACE });
  // One switch for all lines.
  const isSilent = logger.getLevelName() === 'SILENT';

  /** Written at once: what a function has kept when it is killed is lost. */
  function measure(measures: Measures, dimensions: Record<string, string> = {}): void {
    if (isSilent) return;
    for (const [name, value] of Object.entries(measures)) {
      if (isMeasure(name) && value !== undefined) metrics.addMetric(name, UNITS[name], value);
    }
    if (!metrics.hasStoredMetrics()) return;
    if (Object.keys(dimensions).length > 0) metrics.addDimensions(dimensions);
    metrics.publishStoredMetrics();
  }

  return {
    info: (message: string, fields: Fields = {}): void => logger.info(message, { ...call, ...fields }),
    warn: (message: string, fields: Fields = {}): void => logger.warn(message, { ...call, ...fields }),
    error: (message: string, error: unknown, fields: Fields = {}): void =>
      logger.error(message, {
        ...call,
        ...fields,
        error: error instanceof Error ? error : new Error(String(error)),
      }),
    measure,
  };
}

function isMeasure(name: string): name is keyof Measures {
  return name in UNITS;
}
