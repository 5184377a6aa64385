import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { resolveIntrinsics } from '../../../local/intrinsics.ts';
import { functionsOf, parametersOf, readService, resourcesOf } from '../../../local/template.ts';
import type { References } from '../../../local/intrinsics.ts';
import { PROBE_DIRECTORY } from '../../support/probe-stack.ts';

const references: References = Object.fromEntries(
  ['WorkQueue', 'Table', 'Bucket', 'Topic'].map((id) => [
    id,
    { ref: `ref-of-${id}`, attributes: { Arn: `arn-of-${id}` } },
  ]),
);

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'template-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

function read(yaml: string, env: Record<string, string> = {}) {
  writeFileSync(join(directory, 'serverless.yml'), `service: s\nprovider: { name: aws }\n${yaml}`);
  return readService({ directory, env });
}

const environmentOf = (yaml: string, env: Record<string, string> = {}) =>
  functionsOf(read(`functions: { f: { handler: f.handler, environment: ${yaml} } }`, env), {
    Queue: { ref: 'queue-url', attributes: { Arn: 'queue-arn', 'Deep.Name': 'deep' } },
    'AWS::Region': { ref: 'eu-central-1', attributes: {} },
  })[0]?.environment;

describe('the probe service', () => {
  const service = readService({ directory: PROBE_DIRECTORY, env: { ISSUER_URL: 'http://127.0.0.1:1' } });
  const [echo, work] = functionsOf(service, references);

  it('has its functions with names, limits and merged environment', () => {
    expect(echo).toMatchObject({
      key: 'echo',
      name: 'probe-dev-echo',
      handler: 'functions/echo.handler',
      timeout: 300,
      memorySize: 1024,
      environment: { QUEUE_URL: 'ref-of-WorkQueue', GREETING: 'hello', ONLY_HERE: 'here' },
    });
    expect(work?.environment).not.toHaveProperty('ONLY_HERE');
  });

  it('has its events', () => {
    expect(echo?.http).toEqual([
      { routeKey: 'GET /secret', authorizer: 'user' },
      { routeKey: 'POST /echo' },
      { routeKey: 'GET /items/{id}' },
      { routeKey: '$default' },
    ]);
    expect(work).toMatchObject({
      queues: [{ arn: 'arn-of-WorkQueue', batchSize: 10, maximumConcurrency: 2 }],
      schedules: [{ rate: 'rate(1 minute)' }],
    });
  });

  it('has its authorizers, CORS rules and resources', () => {
    const { authorizers, cors } = service.provider.httpApi;

    expect(authorizers['user']).toMatchObject({
      issuerUrl: 'http://127.0.0.1:1',
      audience: ['probe-audience'],
    });
    expect(cors).toMatchObject({ allowedOrigins: ['http://localhost:3000'], maxAge: 600 });
    expect(Object.keys(resourcesOf(service))).toContain('WorkDeadLetters');
  });
});

describe('variables', () => {
  it('take the environment before the default, an empty one too', () => {
    const yaml = `{ A: "\${env:A, 'a, b'}", B: "\${env:B, 'b'}", C: "\${env:C, 'c'}-\${env:C, 7}" }`;

    expect(environmentOf(yaml, { B: '' })).toEqual({ A: 'a, b', B: '', C: 'c-7' });
  });

  it('follow references to references and into other files', () => {
    writeFileSync(join(directory, 'other.yml'), 'deep: { value: "${opt:stage}-${sls:stage}" }');
    const service = read(`
custom:
  first: \${self:custom.second.value}
  second: \${file(other.yml):deep}
functions: { f: { handler: f.handler, environment: { A: '\${self:custom.first}' } } }`);

    expect(functionsOf(service, {})[0]?.environment).toEqual({ A: 'dev-dev' });
  });

  it('leave the placeholders of CloudFormation alone', () => {
    expect(environmentOf(`{ A: !Sub '\${AWS::Region}/\${Queue}/\${Queue.Arn}/\${!Literal}' }`)).toEqual({
      A: 'eu-central-1/queue-url/queue-arn/${!Literal}',
    });
  });
});

describe('intrinsic functions', () => {
  it('divide texts and put them together again, and know parameters by their defaults', () => {
    const service = read(
      'resources: { Parameters: { Names: { Type: String, Default: "${env:NAMES}" }, Empty: { Type: String } } }',
      { NAMES: 'a,b' },
    );
    const parameters = parametersOf(service);
    const value = {
      'Fn::Split': [',', { 'Fn::Join': ['/*,x:', { 'Fn::Split': [',', { Ref: 'Names' }] }] }],
    };

    expect(Object.keys(parameters)).toEqual(['Names']);
    expect(resolveIntrinsics(value, parameters, 'here')).toEqual(['a/*', 'x:b']);
    expect(() => resolveIntrinsics({ 'Fn::Split': [',', ['a']] }, {}, 'here')).toThrow(
      'here: only texts can be joined or split',
    );
  });

  it('give references, attributes and joined texts', () => {
    const yaml = `{ A: !Ref Queue, B: !GetAtt Queue.Arn, C: { 'Fn::GetAtt': [Queue, Deep.Name] }, D: !Join ['/', [a, !Ref Queue]] }`;

    expect(environmentOf(yaml)).toEqual({ A: 'queue-url', B: 'queue-arn', C: 'deep', D: 'a/queue-url' });
  });
});

describe('conditions', () => {
  const parts = `
functions: { f: { handler: f.handler, environment: { A: !If [IsLoud, a, b], B: !If [IsLoud, b, !Ref AWS::NoValue] } } }
resources:
  - Parameters: { Loud: { Type: String, Default: "\${env:LOUD, 'yes'}" } }
    Conditions: { IsLoud: !Not [{ Condition: IsQuiet }], IsQuiet: !Equals [!Ref Loud, 'no'] }
  - Resources:
      Horn: { Type: T, Condition: IsLoud, Properties: { List: [!If [IsQuiet, a, !Ref AWS::NoValue], b] } }
      Hush: { Type: T, Condition: IsQuiet }`;

  it('choose values, list items and resources', () => {
    const loud = read(parts);
    const quiet = read(parts, { LOUD: 'no' });

    expect(functionsOf(loud, {})[0]?.environment).toEqual({ A: 'a', B: 'b' });
    expect(resourcesOf(loud)).toMatchObject({ Horn: { Properties: { List: ['b'] } } });
    expect(Object.keys(resourcesOf(loud))).toEqual(['Horn']);
    expect(functionsOf(quiet, {})[0]?.environment).toEqual({ A: 'b' });
    expect(Object.keys(resourcesOf(quiet))).toEqual(['Hush']);
  });

  it.each([
    ['{}', 'there is no condition "IsLoud"'],
    ['{ IsLoud: !And [!Equals [a, a], !Equals [b, b]] }', 'does not know the condition {"Fn::And"'],
    ['{ IsLoud: !Equals [!Ref AWS::Region, b] }', 'cannot compare {"Ref":"AWS::Region"}'],
  ])('are refused where they cannot be decided: %s', (conditions, message) => {
    const functions = 'functions: { f: { handler: f.h, environment: { A: !If [IsLoud, a, b] } } }';

    expect(() => read(`${functions}\nresources: { Conditions: ${conditions} }`)).toThrow(message);
  });
});

describe('what cannot be resolved', () => {
  it.each([
    ['{ A: "${env:MISSING}" }', 'functions.f.environment.A: ${env:MISSING} has no value and no default'],
    [
      '{ A: "${ssm:/a/b}" }',
      'functions.f.environment.A: the embedded stack does not know the variable "ssm:/a/b"',
    ],
    ['{ A: "${env:X, ${env:Y}}" }', 'variables inside variables are not supported'],
    ['{ A: "${self:functions.f.environment.A}" }', 'refers to itself'],
    ['{ A: "x-${self:provider}" }', '${self:provider} is not a text'],
    ['{ A: "${file(nothing.yml)}" }', 'nothing.yml cannot be read'],
    ['{ A: !Ref Nothing }', 'functions.f.environment.A: "Nothing" is not a resource that exists locally'],
    ['{ A: !GetAtt Queue.Colour }', 'functions.f.environment.A: "Queue" has no attribute "Colour" locally'],
    [
      '{ A: !ImportValue other }',
      'functions.f.environment.A: the embedded stack does not know the intrinsic function',
    ],
  ])('%s is reported with its place', (yaml, message) => {
    expect(() => environmentOf(yaml)).toThrow(message);
  });

  it.each([
    ['functions: { f: { handler: f.h, events: [{ s3: bucket }] } }', 'functions.f.events[0]'],
    [
      'functions: { f: { handler: f.h, events: [{ sqs: { arn: a, batchSize: 11 } }] } }',
      'functions.f.events[0]',
    ],
    [
      'functions: { f: { handler: f.h, events: [{ httpApi: { method: GET, path: /, authorizer: { name: x } } }] } }',
      '"x" is not defined',
    ],
  ])('%s is refused', (yaml, message) => {
    expect(() => functionsOf(read(yaml), {})).toThrow(message);
  });

  it('a service file that is not there is named', () => {
    expect(() => readService({ directory, env: {} })).toThrow('serverless.yml cannot be read');
  });
});
