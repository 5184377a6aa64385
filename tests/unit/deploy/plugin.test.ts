import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import BridgePlugin from '../../../deploy/plugin.ts';

const before = { ...process.env };
beforeEach(() => {
  process.env = { ISSUER_URL: 'https://login.example.com', PROJECTS_CLAIM: 'projects', PUBLIC_ROUTES: 'on' };
});
afterEach(() => {
  process.env = before;
});

class Refusal extends Error {
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

const open = { httpApi: { path: '/v1/files' } };
const role = { Type: 'AWS::IAM::Role', Properties: {} };
const traced = { Type: 'AWS::Lambda::Function', Properties: { TracingConfig: { Mode: 'Active' } } };

/** serverless with a command, as far as the plugin uses it; and what it warned of. */
function serverless({
  command = 'package',
  region = 'eu-central-1',
  custom = undefined as { publicRoutes?: string } | undefined,
  hasResources = true,
  keys = [] as string[],
  hasUser = true,
} = {}) {
  const warnings: string[] = [];
  const extensions: Record<string, unknown> = { Gone: 1, Made: 1 };
  const Resources = {
    HttpApi: {
      Properties: { CorsConfiguration: { AllowOrigins: ['https://a.example.com,https://b.example.com'] } },
    },
    Made: traced,
  };
  const service = {
    ...(custom && { custom }),
    functions: { files: { events: [open] }, uploads: { events: [open] } },
    ...(hasResources && { resources: { Resources: { FilesRole: role, UploadsRole: role }, extensions } }),
    provider: { compiledCloudFormationTemplate: { Resources } },
  };
  const plugin = () =>
    BridgePlugin(
      {
        service,
        processedInput: { commands: command === '' ? [] : [command] },
        getProvider: () => ({
          getStage: () => 'prod',
          getRegion: () => region,
          naming: { getStackName: () => 'bridge-prod' },
          getAwsSdkV3Config: async () => awsWith({ keys, hasUser }),
        }),
        classes: { Error: Refusal },
      },
      {},
      { log: { warning: (line) => warnings.push(line) } },
    );
  return { service, plugin, warnings, extensions, Resources };
}

/** A configuration of the SDK under which AWS knows a user with these keys; or no user of the stack, and these are the caller's own. */
function awsWith({ keys, hasUser }: { keys: string[]; hasUser: boolean }) {
  const members = keys.map((id) => `<member><AccessKeyId>${id}</AccessKeyId></member>`).join('');
  const answers: Record<string, string> = {
    DescribeStackResource:
      '<StackResourceDetail><PhysicalResourceId>prod-SigningUser</PhysicalResourceId></StackResourceDetail>',
    ListAccessKeys: `<AccessKeyMetadata>${members}</AccessKeyMetadata>`,
  };
  const requestHandler = {
    async handle({ body }: { body: string }) {
      const action = new URLSearchParams(body).get('Action') ?? '';
      const text = `<${action}Response><${action}Result>${answers[action]}</${action}Result></${action}Response>`;
      const isRefused = action === 'DescribeStackResource' && !hasUser;
      return { response: { statusCode: isRefused ? 400 : 200, headers: {}, body: Buffer.from(text) } };
    },
  };
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local-secret' };
  return Object.assign({ region: 'eu-central-1', credentials }, { requestHandler });
}

describe('the settings', () => {
  it.each(['package', 'deploy'])('are checked by %s, and each wrong one has a line', (command) => {
    Object.assign(process.env, { PREFLIGHT: 'yes', IPD_AUTH: 'password' });

    expect(serverless({ command }).plugin).toThrow(
      expect.objectContaining({
        code: 'WRONG_SETTINGS',
        message: ['Settings:', 'PREFLIGHT: must be on or off', 'IPD_AUTH: must be auto, aksk or token'].join(
          '\n',
        ),
      }),
    );
  });

  it('are refused for one wrong one, and taken where there is none', () => {
    expect(serverless().plugin).not.toThrow();
    Object.assign(process.env, { PREFLIGHT: 'yes' });
    expect(serverless().plugin).toThrow('Settings:\nPREFLIGHT: must be on or off');
  });

  it.each(['info', 'remove', ''])('are not asked for by another command: %j', (command) => {
    process.env = {};

    expect(serverless({ command }).plugin).not.toThrow();
  });
});

describe('the routes without an authorizer', () => {
  it.each([undefined, {}, { publicRoutes: 'on' }])('stay with %j', (custom) => {
    const { service, plugin, extensions } = serverless({ ...(custom && { custom }) });
    const { hooks } = plugin();

    hooks.initialize();
    hooks['after:package:compileEvents']();

    expect(Object.keys(service.functions)).toEqual(['files', 'uploads']);
    expect(service.functions.uploads.events).toEqual([open]);
    expect(Object.keys(service.resources?.Resources ?? {})).toEqual(['FilesRole', 'UploadsRole']);
    expect(Object.keys(extensions)).toEqual(['Gone', 'Made']);
  });

  it('go with PUBLIC_ROUTES=off, with their functions, roles and additions', () => {
    const { service, plugin, extensions } = serverless({ custom: { publicRoutes: 'off' } });
    const { hooks } = plugin();

    hooks.initialize();
    hooks['after:package:compileEvents']();

    expect(service.functions).toEqual({ uploads: { events: [] } });
    expect(Object.keys(service.resources?.Resources ?? {})).toEqual(['UploadsRole']);
    expect(extensions).toEqual({ Made: 1 });
  });

  it('go where the service has no resources of its own, too', () => {
    const { service, plugin } = serverless({ custom: { publicRoutes: 'off' }, hasResources: false });
    const { hooks } = plugin();

    hooks.initialize();
    hooks['after:package:compileEvents']();

    expect(service.functions).toEqual({ uploads: { events: [] } });
    expect(service.resources).toBeUndefined();
  });
});

describe('the allowed origins', () => {
  it('are divided at their commas', () => {
    const { plugin, Resources } = serverless();

    plugin().hooks['after:package:compileEvents']();

    expect(Resources.HttpApi.Properties.CorsConfiguration.AllowOrigins).toEqual([
      'https://a.example.com',
      'https://b.example.com',
    ]);
  });
});

describe('what a region lacks', () => {
  const merge = 'after:aws:package:finalize:mergeCustomProviderResources';

  it('is said, and left out of the template', () => {
    const { plugin, warnings, Resources } = serverless({ region: 'cn-north-1' });

    plugin().hooks[merge]();

    expect(warnings).toHaveLength(6);
    expect(warnings[1]).toMatch(
      /^cn-north-1 has no traces of functions by X-Ray: left out, .* \(https:.*\)$/,
    );
    expect(Resources.Made).toEqual({ Type: 'AWS::Lambda::Function', Properties: {} });
  });

  it('is nothing elsewhere', () => {
    const { plugin, warnings, Resources } = serverless();

    plugin().hooks[merge]();

    expect([warnings, Resources.Made]).toEqual([[], traced]);
  });
});

describe('a removal', () => {
  it('is refused while the user of the stack has keys, with a command for each', async () => {
    const { plugin } = serverless({ command: 'remove', keys: ['AKIAONE', 'AKIATWO'] });

    await expect(plugin().hooks['before:remove:remove']()).rejects.toMatchObject({
      code: 'SIGNING_KEY_IN_USE',
      message: [
        'The key that signs URLs has to go first, and every URL that it has signed ends with it:',
        'aws iam delete-access-key --user-name prod-SigningUser --access-key-id AKIAONE',
        'aws iam delete-access-key --user-name prod-SigningUser --access-key-id AKIATWO',
      ].join('\n'),
    });
  });

  it.each([{}, { keys: ['AKIAONE'], hasUser: false }])('goes on where there are none: %j', async (given) => {
    const { plugin } = serverless({ command: 'remove', ...given });

    await expect(plugin().hooks['before:remove:remove']()).resolves.toBeUndefined();
  });
});
