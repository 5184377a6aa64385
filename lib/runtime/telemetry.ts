/**
 * Log lines: one JSON object a change of state, constant words with values in fields. And metrics, as log lines from
 * which CloudWatch makes them (EMF). Never given a URL with a signature, a token, a body or a whole event.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';

export type Telemetry = ReturnType<typeof createTelemetry>;

export type Fields = Record<string, string | number | boolean | undefined>;

/**
 * Metrics also have the name of the service, which tells one stage from another (POWERTOOLS_SERVICE_NAME, the
 * dimension `service`).
 */
const NAMESPACE = 'ipd-attachment-bridge';

const { Bytes, Count, Milliseconds, Seconds } = MetricUnit;

/** All metrics, by the names that resources/observability.yml knows. */
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
  /** Lost answers of IPD, so that it may have the file. */
  Doubts: Count,
  Duplicates: Count,
  /**
   * For a person to check: answers of IPD that cannot all be true (an id that is another's, a success without a
   * trace), and checks for a second copy that cannot be made.
   */
  Contradictions: Count,
  /** IPD did not take our credentials, or they could not be read. */
  AuthenticationFailures: Count,
  /** IPD asked for fewer requests. */
  IpdThrottles: Count,
  /** Messages and due uploads that could not be handled; they come again. */
  Unhandled: Count,
  /** By how much the most overdue upload is late. */
  OldestDueAge: Seconds,
  OpenUploads: Count,
  /** Deliveries that ended in a link; links that were taken back; links that a person has to check. */
  Linked: Count,
  Removed: Count,
  LinksNotDeleted: Count,
  /** Comments on deliveries that were tried and may be missing. */
  CommentsNotWritten: Count,
  /** Uploads that offers of producers have begun, and those of them whose offer was refused. */
  Ingested: Count,
  IngestRefused: Count,
  /** 1 while the breaker lets no delivery call IPD, except a trial. */
  BreakerOpen: Count,
} as const;

/** Their names. */
export const METRIC_NAMES: readonly string[] = Object.keys(UNITS);

export type MetricValues = { [Name in keyof typeof UNITS]?: number };

/** The ids that every line of the present call has: a container handles one call at a time. */
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

  /** Writes at once: metrics that a function has not written when it is killed are lost. */
  function addMetrics(values: MetricValues, dimensions: Record<string, string> = {}): void {
    if (isSilent) return;
    for (const [name, value] of Object.entries(values)) {
      if (isMetric(name) && value !== undefined) metrics.addMetric(name, UNITS[name], value);
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
    addMetrics,
  };
}

function isMetric(name: string): name is keyof MetricValues {
  return name in UNITS;
}
