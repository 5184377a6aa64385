import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lacksOf, partitionOf, withoutTraces } from '../../../deploy/regions.ts';

const operations = readFileSync(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8');

const traces = { Effect: 'Allow', Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'] };
const records = { Effect: 'Allow', Action: ['dynamodb:GetItem'], Resource: 'table' };
const conditional = { 'Fn::If': ['HasIngestPrincipals', records, { Ref: 'AWS::NoValue' }] };

/** A role's suppressions and statements. */
function roleWith(rules: object[], statements: object[]) {
  return {
    Type: 'AWS::IAM::Role',
    Metadata: { cdk_nag: { rules_to_suppress: rules } },
    Properties: { Policies: [{ PolicyName: 'p', PolicyDocument: { Statement: statements } }] },
  };
}

describe('what a region lacks', () => {
  it('is nothing outside China', () => {
    expect(lacksOf('eu-central-1')).toEqual([]);
  });

  it.each(['cn-north-1', 'cn-northwest-1'])(
    'has a source for each thing in %s, and says what follows',
    (region) => {
      const lacks = lacksOf(region);

      expect(lacks.map(({ what }) => what)).toEqual([
        'answers to requests without a token, unless the account has an ICP licence',
        'traces of functions by X-Ray',
        'redrive of dead letters by SQS',
        'mobile push and SMS by SNS',
        'authorizers by user pools of Cognito',
        'scans of objects by GuardDuty',
      ]);
      for (const { source, instead } of lacks) {
        expect(source).toMatch(/^https:\/\/docs\.(amazonaws\.cn|aws\.amazon\.com)\/.+\.(html|md)$/);
        expect(instead).not.toBe('');
        expect(operations).toContain(`](${source})`);
      }
    },
  );
});

describe('a partition', () => {
  it.each([
    ['eu-central-1', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['cn-northwest-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
  ])('of %s is %s', (region, partition) => {
    expect(partitionOf(region)).toBe(partition);
  });
});

describe('without traces', () => {
  it('a function has no setting of them, and keeps its other properties', () => {
    const uploads = {
      Type: 'AWS::Lambda::Function',
      Properties: { Timeout: 15, TracingConfig: { Mode: 'x' } },
    };

    expect(withoutTraces({ uploads })).toEqual({
      uploads: { Type: 'AWS::Lambda::Function', Properties: { Timeout: 15 } },
    });
  });

  it('a role may not send any, and needs no reason for it', () => {
    const streams = { id: 'AwsSolutions-IAM5', reason: 'Streams.', applies_to: ['Resource::arn:logs:*'] };
    const everything = [
      { id: 'AwsSolutions-IAM5', reason: 'X-Ray.', applies_to: ['Resource::*'] },
      { id: 'Serverless-LambdaStarPermissions', reason: 'X-Ray.' },
    ];
    const role = roleWith([...everything, streams], [records, traces, conditional]);

    expect(withoutTraces({ role })).toEqual({ role: roleWith([streams], [records, conditional]) });
  });

  it('other resources, and a role that sends none, stay as they are', () => {
    const resources = {
      queue: { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 1 } },
      role: roleWith([{ id: 'AwsSolutions-IAM5', reason: 'All.', applies_to: ['Resource::*'] }], [records]),
      bare: { Type: 'AWS::IAM::Role', Properties: { AssumeRolePolicyDocument: {} } },
    };

    expect(withoutTraces(resources)).toEqual(resources);
  });
});
