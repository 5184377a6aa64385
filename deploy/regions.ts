/**
 * What AWS's regions in China lack of what the bridge uses or its documents advise, each with AWS's own page that says so.
 * A deploy there says all of it, leaves out what would be in the template, and refuses settings that need it. Pure.
 */
import * as z from 'zod';

/** `instead`: what a deploy or an operator does there. */
export type Lack = { what: string; instead: string; source: string };

const GUIDE = 'https://docs.amazonaws.cn/en_us/aws/latest/userguide';

const CHINA: Lack[] = [
  {
    what: 'answers to requests without a token, unless the account has an ICP licence',
    instead: 'without one, PUBLIC_ROUTES=off leaves out the routes that take such requests',
    source: `${GUIDE}/api-gateway.html`,
  },
  {
    what: 'traces of functions by X-Ray',
    instead: "left out, with the roles' permission to send them",
    source: `${GUIDE}/lambda.html`,
  },
  {
    what: 'redrive of dead letters by SQS',
    instead:
      "`npm run ops -- dead-letters --redrive` does it for delivery's; for ingestion's its runbook has a loop",
    source: `${GUIDE}/sqs.html`,
  },
  {
    what: 'mobile push and SMS by SNS',
    instead: 'subscribe a queue, a function or an address, and push by a service of your own',
    source: `${GUIDE}/sns.md`,
  },
  {
    what: 'authorizers by user pools of Cognito',
    instead: 'ISSUER_URL is another issuer, which API Gateway reaches from there',
    source: `${GUIDE}/api-gateway.html`,
  },
  {
    what: 'scans of objects by GuardDuty',
    instead: 'REQUIRED_SCAN_TAG needs another scanner, which tags what it has scanned',
    source:
      'https://docs.aws.amazon.com/config/latest/developerguide/guardduty-malware-protection-enabled.md',
  },
];

/** https://docs.amazonaws.cn/en_us/aws/latest/userguide/ARNs.html */
const PARTITIONS = { 'cn-': 'aws-cn', 'us-gov-': 'aws-us-gov' };

const statement = z.looseObject({ Action: z.union([z.string(), z.array(z.string())]).optional() });
const role = z.looseObject({
  Type: z.literal('AWS::IAM::Role'),
  Metadata: z
    .looseObject({
      cdk_nag: z.looseObject({
        rules_to_suppress: z.array(
          z.looseObject({ id: z.string(), applies_to: z.array(z.string()).optional() }),
        ),
      }),
    })
    .optional(),
  Properties: z.looseObject({
    Policies: z.array(z.looseObject({ PolicyDocument: z.looseObject({ Statement: z.array(statement) }) })),
  }),
});
const lambda = z.looseObject({
  Type: z.literal('AWS::Lambda::Function'),
  Properties: z.looseObject({ TracingConfig: z.unknown().optional() }),
});

type Role = z.infer<typeof role>;

export function isInChina(region: string): boolean {
  return region.startsWith('cn-');
}

/** The second part of every ARN in the region. */
export function partitionOf(region: string): string {
  return Object.entries(PARTITIONS).find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'aws';
}

export function lacksOf(region: string): Lack[] {
  return isInChina(region) ? CHINA : [];
}

/** A template's resources without X-Ray: the setting of the functions, and the permission of the roles. */
export function withoutTraces(resources: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(resources).map(([id, one]) => [id, withoutTracesIn(one)]));
}

function withoutTracesIn(resource: unknown): unknown {
  const { data: ofFunction } = lambda.safeParse(resource);
  if (ofFunction !== undefined) {
    const { TracingConfig: _left, ...Properties } = ofFunction.Properties;
    return { ...ofFunction, Properties };
  }
  const { data: ofRole } = role.safeParse(resource);
  return ofRole !== undefined && statementsOf(ofRole).some(isForTraces)
    ? withoutPermission(ofRole)
    : resource;
}

function withoutPermission(before: Role): Role {
  const Policies = before.Properties.Policies.map((policy) => {
    const Statement = policy.PolicyDocument.Statement.filter((one) => !isForTraces(one));
    return { ...policy, PolicyDocument: { ...policy.PolicyDocument, Statement } };
  });
  const after = { ...before, Properties: { ...before.Properties, Policies } };
  if (before.Metadata === undefined) return after;
  const { cdk_nag: nag } = before.Metadata;
  const rules = nag.rules_to_suppress.filter((rule) => !isForAllResources(rule));
  return { ...after, Metadata: { ...before.Metadata, cdk_nag: { ...nag, rules_to_suppress: rules } } };
}

function statementsOf({ Properties }: Role) {
  return Properties.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
}

function isForTraces({ Action = [] }: z.infer<typeof statement>): boolean {
  const actions = [Action].flat();
  return actions.length > 0 && actions.every((action) => action.startsWith('xray:'));
}

/** X-Ray alone knows no resources, so nothing else needs this reason. */
function isForAllResources(rule: { id: string; applies_to?: string[] | undefined }): boolean {
  return rule.id === 'Serverless-LambdaStarPermissions' || String(rule.applies_to) === 'Resource::*';
}
