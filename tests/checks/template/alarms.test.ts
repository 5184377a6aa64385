import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { idle } from '../../../bench/usage.ts';
import { readService } from '../../../local/template.ts';
import { METRIC_NAMES } from '../../../lib/runtime/telemetry.ts';
import { NAMESPACE, templateAlarms, templateResources } from '../../support/alarms.ts';
import { sectionsOf } from '../../support/markdown.ts';

const ROOT = join(import.meta.dirname, '../../..');
const SERVICE = 'ipd-attachment-bridge-dev';

const alarms = templateAlarms();
const watchedIn = (namespace: string) =>
  alarms.flatMap(({ metrics }) => metrics).filter((metric) => metric.namespace === namespace);

/** The steps from `_Do` on that no command follows, and that do not say that a person does them by hand. */
function stepsWithoutCommand(runbook: string): string[] {
  const [, steps = ''] = runbook.replaceAll(/^```sh\n[^]*?^```$/gm, '```').split(/^_Do/m);
  const blocks = steps.trim().split(/\n\n+/);
  return blocks.filter((block, index) => {
    const next = blocks[index + 1] ?? '';
    return block !== '```' && next !== '```' && !next.startsWith('- ') && !block.includes('_By hand:_');
  });
}

describe('an alarm', () => {
  it.each(alarms)('says how urgent it is, and where its runbook is: $id', async ({ name, description }) => {
    const sections = sectionsOf(await readFile(join(ROOT, 'docs/operations.md'), 'utf8'));

    const [, urgency, anchor = ''] =
      /^Urgency: (now|today|this week)\. .+ Runbook: the repository at the deployed revision, docs\/operations\.md#([a-z-]+)$/.exec(
        description,
      ) ?? [];
    const section = sections.find((one) => one.anchor === anchor);
    expect(`alarm-${name.replace(`${SERVICE}-`, '').toLowerCase()}`).toBe(anchor);
    expect(section?.text).toMatch(new RegExp(`^_Urgency:_ ${urgency ?? '?'}\\. _Means:_ `, 'm'));
    // The runbook has commands that a reader can paste: to see what is wrong, and for each step.
    expect(section?.text).toMatch(/^_Read[^]*?^```sh$/m);
    expect(stepsWithoutCommand(section?.text ?? '')).toEqual([]);
  });

  it('has a runbook wherever its readers have the page', () => {
    const env = { IPD_PROJECTS: '*', RUNBOOK_URL: 'https://wiki.example.com/bridge' };
    const elsewhere = templateAlarms(env).map(({ description }) => description);

    for (const words of elsewhere)
      expect(words).toMatch(/Runbook: https:\/\/wiki\.example\.com\/bridge#alarm-/);
  });

  it('and no other has a runbook', async () => {
    const sections = sectionsOf(await readFile(join(ROOT, 'docs/operations.md'), 'utf8'));

    const runbooks = sections.filter(({ anchor }) => anchor.startsWith('alarm-')).map(({ anchor }) => anchor);
    const named = alarms.map(({ description }) => description.replace(/.*#/, ''));
    expect(runbooks.toSorted()).toEqual(named.toSorted());
  });

  it('is in the bill with every metric that it watches', () => {
    expect(alarms.flatMap(({ metrics }) => metrics)).toHaveLength(idle.alarmMetrics);
  });

  it('about the product watches metrics that the functions write', () => {
    const unknown = watchedIn(NAMESPACE).filter(({ name }) => !METRIC_NAMES.includes(name));
    const services = new Set(watchedIn(NAMESPACE).map(({ dimensions }) => dimensions['service']));

    expect(unknown).toEqual([]);
    expect([...services]).toEqual([SERVICE]);
  });

  it('about functions watches every one that is deployed', () => {
    const service = readService({ directory: ROOT, env: { IPD_PROJECTS: '*' } });
    const deployed = Object.keys(service.functions).map((key) => `${SERVICE}-${key}`);

    const seen = (name: string) =>
      watchedIn('AWS/Lambda')
        .filter((metric) => metric.name === name)
        .map(({ dimensions }) => dimensions);

    const each = deployed.map((FunctionName) => ({ FunctionName }));
    expect(seen('Errors')).toEqual(each);
    expect(seen('Throttles')).toEqual(each);
  });

  it('about dead letters watches every queue that gets them', () => {
    const redrive = z.object({
      RedrivePolicy: z.object({ deadLetterTargetArn: z.object({ 'Fn::GetAtt': z.array(z.string()) }) }),
    });
    const targets = Object.values(templateResources()).flatMap(({ Type, Properties }) => {
      const policy = Type === 'AWS::SQS::Queue' ? redrive.safeParse(Properties).data : undefined;
      return policy?.RedrivePolicy.deadLetterTargetArn['Fn::GetAtt'][0] ?? [];
    });

    // Both queues of deliveries have the same dead letters.
    const different = [...new Set(targets)];
    expect(different).toEqual(['DeliveryDeadLetters', 'IngestDeadLetters']);
    expect(watchedIn('AWS/SQS')).toEqual(
      different.map((id) => ({
        namespace: 'AWS/SQS',
        name: 'ApproximateNumberOfMessagesVisible',
        dimensions: { QueueName: { 'Fn::GetAtt': [id, 'QueueName'] } },
      })),
    );
  });

  it('about the API watches the one that serverless makes', () => {
    expect(watchedIn('AWS/ApiGateway')).toEqual([
      {
        namespace: 'AWS/ApiGateway',
        name: '5xx',
        dimensions: { ApiId: { Ref: 'HttpApi' }, Stage: '$default' },
      },
    ]);
  });
});

describe('the dashboard', () => {
  const body = z.object({ DashboardBody: z.object({ 'Fn::Sub': z.string() }) });
  const widgets = z.object({
    widgets: z.array(z.object({ properties: z.object({ metrics: z.array(z.array(z.unknown())) }) })),
  });

  it('is JSON that shows every metric of the product, and no other of its namespace', () => {
    const { DashboardBody } = body.parse(templateResources()['Dashboard']?.Properties);
    const shown = widgets
      .parse(JSON.parse(DashboardBody['Fn::Sub']))
      .widgets.flatMap(({ properties }) => properties.metrics)
      .filter(([namespace]) => namespace === NAMESPACE);

    const names = [...new Set(shown.map(([, name]) => String(name)))];
    expect(names.toSorted()).toEqual(METRIC_NAMES.toSorted());
    for (const metric of shown) expect(metric.slice(2, 4)).toEqual(['service', SERVICE]);
  });

  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
  it('searches with our namespace in quotes, as one that is not only letters and digits needs', () => {
    const { DashboardBody } = body.parse(templateResources()['Dashboard']?.Properties);

    const searches = JSON.stringify(widgets.parse(JSON.parse(DashboardBody['Fn::Sub']))).match(
      /SEARCH\('\{[^}]*/g,
    );

    expect(searches).not.toBeNull();
    for (const search of searches ?? []) {
      expect(JSON.parse(`"${search}"`)).toMatch(new RegExp(`^SEARCH\\('\\{"${NAMESPACE}",`));
    }
  });
});
