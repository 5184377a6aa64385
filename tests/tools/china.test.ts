import { beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packageFunctions } from '../../bench/packaged.ts';
import { useDirectory } from '../support/use-directory.ts';

const REGION = 'cn-north-1';
const TEMPLATE = 'zips/cloudformation-template-update-stack.json';

const template = z.object({
  Resources: z.record(
    z.string(),
    z.object({
      Type: z.string(),
      Properties: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
});
const route = z.object({
  RouteKey: z.string(),
  AuthorizationType: z.string(),
  AuthorizerId: z.object({ Ref: z.string() }),
});
type Template = z.infer<typeof template>;

const directory = await useDirectory();
let made: Template;

/** Every text of the template, wherever it is. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

function ofType(type: string) {
  return Object.values(made.Resources).flatMap(({ Type, Properties = {} }) =>
    Type === type ? [Properties] : [],
  );
}

describe(`the template for ${REGION} without public routes`, () => {
  beforeAll(async () => {
    const settings = { PUBLIC_ROUTES: 'off', LAMBDA_ARCHITECTURE: 'x86_64' };
    await packageFunctions(directory, { region: REGION, settings });
    made = template.parse(JSON.parse(await readFile(join(directory, TEMPLATE), 'utf8')));
  });

  it('has these routes alone, each with the JWT authorizer', () => {
    const routes = ofType('AWS::ApiGatewayV2::Route').map((properties) => {
      const { RouteKey, AuthorizationType, AuthorizerId } = route.parse(properties);
      return `${AuthorizationType} ${AuthorizerId.Ref} ${RouteKey}`;
    });

    expect(routes.toSorted()).toEqual([
      'JWT HttpApiAuthorizerIpdStyleJwt POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
      'JWT HttpApiAuthorizerUserJwt DELETE /v1/uploads/{id}',
      'JWT HttpApiAuthorizerUserJwt GET /v1/limits',
      'JWT HttpApiAuthorizerUserJwt GET /v1/uploads',
      'JWT HttpApiAuthorizerUserJwt GET /v1/uploads/{id}',
      'JWT HttpApiAuthorizerUserJwt POST /v1/uploads',
      'JWT HttpApiAuthorizerUserJwt POST /v1/uploads/{id}/complete',
      'JWT HttpApiAuthorizerUserJwt POST /v1/uploads/{id}/retry',
      'JWT HttpApiAuthorizerUserJwt POST /v1/uploads/{id}/urls',
    ]);
  });

  it('leaves preflights to API Gateway, for the methods that are there', () => {
    const [api] = ofType('AWS::ApiGatewayV2::Api');

    expect(api?.['CorsConfiguration']).toMatchObject({
      AllowMethods: expect.arrayContaining(['OPTIONS', 'GET', 'POST', 'DELETE']),
      AllowHeaders: ['authorization', 'content-type', 'idempotency-key', 'if-none-match'],
    });
  });

  it('makes nothing for the function that stock Uppy calls', () => {
    expect(Object.keys(made.Resources).filter((id) => /uppy/i.test(id))).toEqual([]);
    expect(textsOf(ofType('AWS::IAM::Policy')).filter((text) => /uppy/i.test(text))).toEqual([]);
  });

  it('names no partition, and no host of AWS, but by the pseudo parameters of the region', () => {
    const texts = textsOf(made).filter((text) => !text.startsWith('https://docs.'));

    expect(
      texts.filter((text) => /\barn:(?!\$\{AWS::Partition\}|<AWS::Partition>|\*:s3:::|$)/.test(text)),
    ).toEqual([]);
    // Principals, whose names are the same in both partitions: https://github.com/aws/aws-cdk/commit/013c181
    const hosts = texts.filter((text) => /amazonaws/.test(text));
    expect(new Set(hosts)).toEqual(
      new Set(['apigateway', 'events', 'lambda', 's3'].map((service) => `${service}.amazonaws.com`)),
    );
  });

  it('sends no traces, and lets no role send them', () => {
    expect(textsOf(made.Resources).filter((text) => text.startsWith('xray:'))).toEqual([]);
    for (const properties of ofType('AWS::Lambda::Function')) {
      expect(properties).not.toHaveProperty('TracingConfig');
      expect(properties['Architectures']).toEqual(['x86_64']);
    }
  });
});
