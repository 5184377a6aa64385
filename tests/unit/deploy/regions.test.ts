import { describe, expect, it } from '@jest/globals';
import { withoutTraces } from '../../../deploy/regions.ts';

const traces = { Effect: 'Allow', Action: 'xray:PutTraceSegments' };
const records = { Effect: 'Allow', Action: ['dynamodb:GetItem'], Resource: 'table' };

/** A role with these statements, and with more wherever there is room for it. */
function roleWith(Statement: object[], nag?: object) {
  return {
    Type: 'AWS::IAM::Role',
    DependsOn: 'table',
    ...(nag && { Metadata: { cdk_nag: { more: 1, ...nag }, more: 2 } }),
    Properties: {
      RoleName: 'role',
      Policies: [{ PolicyName: 'p', PolicyDocument: { Version: '2012-10-17', Statement } }],
    },
  };
}

describe('a role without traces', () => {
  it('keeps all else that it has', () => {
    const rules = [{ id: 'AwsSolutions-IAM5', applies_to: ['Resource::arn'] }];
    const star = { id: 'Serverless-LambdaStarPermissions' };
    const role = roleWith([records, traces], { rules_to_suppress: [star, ...rules] });

    expect(withoutTraces({ role })).toEqual({ role: roleWith([records], { rules_to_suppress: rules }) });
  });

  it('need not have reasons', () => {
    expect(withoutTraces({ role: roleWith([records, traces]) })).toEqual({ role: roleWith([records]) });
  });

  it('keeps a statement of no action, and one of several of which some are others', () => {
    const both = { Effect: 'Allow', Action: ['xray:PutTraceSegments', 'logs:PutLogEvents'] };
    const none = { Effect: 'Allow', Action: [] };

    expect(withoutTraces({ role: roleWith([both, none, traces]) })).toEqual({ role: roleWith([both, none]) });
  });
});
