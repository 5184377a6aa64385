import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { functionsOf, parametersOf, readService, resourcesOf } from '../../../local/template.ts';

/** The routes that PUBLIC_ROUTES=off leaves, each with the authorizer that checks its token. */
const AUTHORIZED = [
  'ipdStyleJwt POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
  'userJwt DELETE /v1/uploads/{id}',
  'userJwt GET /v1/limits',
  'userJwt GET /v1/uploads',
  'userJwt GET /v1/uploads/{id}',
  'userJwt POST /v1/uploads',
  'userJwt POST /v1/uploads/{id}/complete',
  'userJwt POST /v1/uploads/{id}/retry',
  'userJwt POST /v1/uploads/{id}/urls',
];
/** What goes: the routes without an authorizer, and the one that gives out tickets for some of them. */
const LEFT_OUT = [
  'none $default',
  'none GET /v1/files/{id}/{secret}',
  'none DELETE /v1/uppy/{ticket}/s3/multipart/{uploadId}',
  'none GET /v1/uppy/{ticket}/s3/multipart/{uploadId}',
  'none GET /v1/uppy/{ticket}/s3/multipart/{uploadId}/{partNumber}',
  'none GET /v1/uppy/{ticket}/s3/params',
  'userJwt POST /v1/uppy-sessions',
  'none POST /v1/uppy/{ticket}/s3/multipart',
  'none POST /v1/uppy/{ticket}/s3/multipart/{uploadId}/complete',
];

function read(env: Record<string, string>) {
  const service = readService({ directory: join(import.meta.dirname, '../../..'), env });
  const resources = resourcesOf(service);
  const attributes = { Arn: 'arn', TopicArn: 'arn' };
  const references = Object.fromEntries([
    ...Object.entries(parametersOf(service)),
    ...Object.keys(resources).map((id) => [id, { ref: id, attributes }]),
  ]);
  const functions = functionsOf(service, references);
  const routes = functions.flatMap(({ http }) =>
    http.map(({ routeKey, authorizer = 'none' }) => `${authorizer} ${routeKey}`),
  );
  return { functions, resources, service, routes: routes.toSorted() };
}

describe('PUBLIC_ROUTES', () => {
  it('is on where nothing is said: every route is there', () => {
    expect(read({}).routes).toEqual([...AUTHORIZED, ...LEFT_OUT].toSorted());
    expect(read({ PUBLIC_ROUTES: 'on' }).routes).toEqual(read({}).routes);
  });

  it('off leaves these routes alone, each with a JWT authorizer', () => {
    const { routes, service } = read({ PUBLIC_ROUTES: 'off' });
    if (process.env['ROUTES_TABLE']) process.stdout.write(`${routes.join('\n')}\n`);

    expect(routes).toEqual(AUTHORIZED);
    const names = routes.map((route) => route.split(' ')[0] ?? '');
    const types = names.map((name) => service.provider.httpApi.authorizers[name]?.type);
    expect(new Set(types)).toEqual(new Set(['jwt']));
  });

  it('off leaves out the functions that only stock Uppy and links call, their roles, and what these were given', () => {
    const { functions, resources } = read({
      PUBLIC_ROUTES: 'off',
      // No deploy takes both; nothing of the role may be left all the same.
      OVERSIZE: 'link',
      SIGNING_CREDENTIALS: 'secretsmanager:ipd-attachment-bridge/dev/signing',
    });

    expect(functions.map(({ key }) => key)).toEqual(['uploads', 'attach', 'deliver', 'ingest', 'sweep']);
    for (const role of ['UppyRole', 'FilesRole']) {
      expect(resources).not.toHaveProperty(role);
      expect(JSON.stringify(resources)).not.toContain(role);
    }
    for (const id of ['PreflightSecretPolicy', 'SigningSecretPolicy']) {
      expect(resources[id]?.Properties['Roles']).toEqual([{ Ref: 'UploadsRole' }]);
    }
    expect(resources['LinksSecretPolicy']?.Properties['Roles']).toEqual([
      { Ref: 'UploadsRole' },
      { Ref: 'DeliverRole' },
    ]);
  });
});
