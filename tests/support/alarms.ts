/** The alarms and the dashboard of the template, and the metrics in the lines of functions. */
import { join } from 'node:path';
import { z } from 'zod';
import { readService, resourcesOf } from '../../local/template.ts';
import type { LogLine } from '../../local/gateway/runner.ts';

/** The namespace of the product's own metrics. */
export const NAMESPACE = 'ipd-attachment-bridge';

/** A metric by all that CloudWatch distinguishes it by; a value that the deploy fills in is kept as it stands there. */
export type Metric = { namespace: string; name: string; dimensions: Record<string, unknown> };

const dimensions = z
  .array(z.object({ Name: z.string(), Value: z.unknown() }))
  .transform((list) => Object.fromEntries(list.map(({ Name, Value }) => [Name, Value])));
const metric = z
  .object({ Namespace: z.string(), MetricName: z.string(), Dimensions: dimensions })
  .transform(({ Namespace, MetricName, Dimensions }): Metric => ({
    namespace: Namespace,
    name: MetricName,
    dimensions: Dimensions,
  }));
const of = z.union([
  metric.transform((one) => [one]),
  z
    .object({ Metrics: z.array(z.object({ MetricStat: z.object({ Metric: metric }).optional() })) })
    .transform(({ Metrics }) => Metrics.flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : []))),
]);
const words = z.object({ AlarmName: z.string(), AlarmDescription: z.string() });

const emf = z.looseObject({
  _aws: z.object({
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string() })),
      }),
    ),
  }),
});

export function templateResources(env: Record<string, string> = {}) {
  const directory = join(import.meta.dirname, '../..');
  const settings = { AWS_REGION: 'eu-central-1', IPD_PROJECTS: '*', ...env };
  return resourcesOf(readService({ directory, env: settings }));
}

/** Each alarm with its words and the metrics that it watches. */
export function templateAlarms(env: Record<string, string> = {}) {
  return Object.entries(templateResources(env))
    .filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm')
    .map(([id, { Properties }]) => {
      const { AlarmName: name, AlarmDescription: description } = words.parse(Properties);
      return { id, name, description, metrics: of.parse(Properties) };
    });
}

/** As CloudWatch reads the lines of a log. */
export function measuredIn(lines: readonly LogLine[]): Metric[] {
  return lines.flatMap(({ line }) => {
    const parsed = line.startsWith('{') ? emf.safeParse(JSON.parse(line)).data : undefined;
    return (parsed?.['_aws'].CloudWatchMetrics ?? []).flatMap(({ Namespace, Dimensions, Metrics }) =>
      Metrics.flatMap(({ Name }) =>
        Dimensions.map((names) => ({
          namespace: Namespace,
          name: Name,
          dimensions: Object.fromEntries(names.map((name) => [name, parsed?.[name]])),
        })),
      ),
    );
  });
}
