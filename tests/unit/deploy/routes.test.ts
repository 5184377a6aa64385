import { describe, expect, it } from '@jest/globals';
import { withoutPublicRoles, withoutPublicRoutes } from '../../../deploy/routes.ts';

const open = { httpApi: { method: 'GET', path: '/v1/files' } };
const checked = { httpApi: { method: 'GET', path: '/v1/uploads', authorizer: 'userJwt' } };

describe('functions without public routes', () => {
  it('are those that are something without them, with the events that are checked', () => {
    const functions = {
      uploads: {
        timeout: 15,
        events: [open, checked, { sqs: 'queue' }, null, 'schedule', { httpApi: null }],
      },
      sweep: { timeout: 60, events: undefined },
      uppy: { timeout: 15, events: [open] },
      files: { timeout: 15, events: [checked] },
    };

    expect(withoutPublicRoutes<{ events: unknown[] | undefined }>(functions)).toEqual({
      uploads: { timeout: 15, events: [checked, { sqs: 'queue' }, null, 'schedule'] },
      sweep: { timeout: 60, events: undefined },
    });
  });
});

describe('resources without public roles', () => {
  it('are all others, and no policy names one of these', () => {
    const queue = { Type: 'AWS::SQS::Queue', Properties: { VisibilityTimeout: 1 } };
    const bare = { Type: 'AWS::SNS::Topic', Properties: undefined };
    const Roles = [{ Ref: 'UploadsRole' }, { Ref: 'UppyRole' }, { Ref: 'FilesRole' }, 'other', null];

    const left = withoutPublicRoles<{ Properties?: Record<string, unknown> | undefined }>({
      queue,
      bare,
      policy: Object.assign({ Type: 'AWS::IAM::Policy' }, { Properties: { PolicyName: 'logs', Roles } }),
      UppyRole: queue,
      FilesRole: queue,
    });

    expect(left).toEqual({
      queue,
      bare,
      policy: {
        Type: 'AWS::IAM::Policy',
        Properties: { PolicyName: 'logs', Roles: [{ Ref: 'UploadsRole' }, 'other', null] },
      },
    });
  });
});
