/**
 * AWS's list prices in dollars, as data for bench/cost.ts. No free tier, no volume tier, no tax.
 *
 * AWS's pricing pages load their figures by script, so their text alone holds none. `seen` says how far a figure could
 * be confirmed on the day it was read. `price list`: others, who had fetched AWS's price list for the region in 2026,
 * quote it with the figure. `page`: they quote the pricing page's own text. `common knowledge`: others only repeat the
 * figure. Check a figure at its source if it must be exact to the cent.
 */
type Price = { dollars: number; per: number; unit: string; source: string; seen: Seen };
type Seen = 'price list' | 'page' | 'common knowledge';

export const REGION = 'us-east-1';
/** The day on which all prices were read. */
export const READ_ON = '2026-11-24';

const MILLION = 1_000_000;

export const prices = {
  apiCall: {
    dollars: 1,
    per: MILLION,
    unit: 'HTTP API call of up to 512 KB',
    source: 'https://aws.amazon.com/api-gateway/pricing/',
    seen: 'page',
  },
  invocation: {
    dollars: 0.2,
    per: MILLION,
    unit: 'Lambda invocation',
    source: 'https://aws.amazon.com/lambda/pricing/',
    seen: 'page',
  },
  gbSecondArm: {
    dollars: 0.000_013_333_4,
    per: 1,
    unit: 'GB-second, Arm',
    source: 'https://aws.amazon.com/lambda/pricing/',
    seen: 'common knowledge',
  },
  gbSecondX86: {
    dollars: 0.000_016_666_7,
    per: 1,
    unit: 'GB-second, x86',
    source: 'https://aws.amazon.com/lambda/pricing/',
    seen: 'common knowledge',
  },
  storageWrite: {
    dollars: 0.005,
    per: 1_000,
    unit: 'S3 PUT, POST or LIST',
    source: 'https://aws.amazon.com/s3/pricing/',
    seen: 'price list',
  },
  storageRead: {
    dollars: 0.004,
    per: 10_000,
    unit: 'S3 GET or HEAD; DELETE is free',
    source: 'https://aws.amazon.com/s3/pricing/',
    seen: 'price list',
  },
  storedGbMonth: {
    dollars: 0.023,
    per: 1,
    unit: 'GB-month in S3 Standard',
    source: 'https://aws.amazon.com/s3/pricing/',
    seen: 'price list',
  },
  queueRequest: {
    dollars: 0.4,
    per: MILLION,
    unit: 'SQS request of up to 64 KB, empty receives too',
    source: 'https://aws.amazon.com/sqs/pricing/',
    seen: 'price list',
  },
  writeUnit: {
    dollars: 0.625,
    per: MILLION,
    unit: 'DynamoDB write unit (1 KB), on demand',
    source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
    seen: 'price list',
  },
  readUnit: {
    dollars: 0.125,
    per: MILLION,
    unit: 'DynamoDB read unit (4 KB, consistent), on demand',
    source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
    seen: 'price list',
  },
  recordGbMonth: {
    dollars: 0.25,
    per: 1,
    unit: 'GB-month in DynamoDB',
    source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
    seen: 'common knowledge',
  },
  backupGbMonth: {
    dollars: 0.2,
    per: 1,
    unit: 'GB-month of point-in-time recovery',
    source: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
    seen: 'common knowledge',
  },
  notification: {
    dollars: 0.5,
    per: MILLION,
    unit: 'SNS publish of up to 64 KB; on to SQS or Lambda free',
    source: 'https://aws.amazon.com/sns/pricing/',
    seen: 'price list',
  },
  logGb: {
    dollars: 0.5,
    per: 1,
    unit: 'GB of logs taken in',
    source: 'https://aws.amazon.com/cloudwatch/pricing/',
    seen: 'price list',
  },
  logGbMonth: {
    dollars: 0.03,
    per: 1,
    unit: 'GB-month of logs kept',
    source: 'https://aws.amazon.com/cloudwatch/pricing/',
    seen: 'price list',
  },
  metricMonth: {
    dollars: 0.3,
    per: 1,
    unit: 'metric of our own and month, by the hours with data',
    source: 'https://aws.amazon.com/cloudwatch/pricing/',
    seen: 'common knowledge',
  },
  alarmMetricMonth: {
    dollars: 0.1,
    per: 1,
    unit: 'metric that an alarm reads and month',
    source: 'https://aws.amazon.com/cloudwatch/pricing/',
    seen: 'common knowledge',
  },
  gbOut: {
    dollars: 0.09,
    per: 1,
    unit: 'GB out to the internet; in is free',
    source: 'https://aws.amazon.com/ec2/pricing/on-demand/',
    seen: 'price list',
  },
  secretMonth: {
    dollars: 0.4,
    per: 1,
    unit: 'secret and month in Secrets Manager',
    source: 'https://aws.amazon.com/secrets-manager/pricing/',
    seen: 'common knowledge',
  },
  natGb: {
    dollars: 0.045,
    per: 1,
    unit: 'GB through a NAT gateway (none is needed)',
    source: 'https://aws.amazon.com/vpc/pricing/',
    seen: 'common knowledge',
  },
} as const satisfies Record<string, Price>;

/** The cost of `count` units, in dollars. */
export function costOf(name: keyof typeof prices, count: number): number {
  const { dollars, per } = prices[name];
  return (count / per) * dollars;
}
