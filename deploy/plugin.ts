/**
 * serverless.yml names this plugin. Before a package or a deploy it checks the settings and ends the command with one
 * line for each wrong one. It does so when serverless loads it: later, serverless would check its own schema first,
 * whose messages name no setting. It divides the list of allowed origins, leaves out what the region lacks and, with
 * PUBLIC_ROUTES=off, the routes without an authorizer. Before a removal it names the access keys that an operator must
 * delete first.
 */
import { lacksOf, withoutTraces } from './regions.ts';
import type { AwsConfig } from './removal.ts';
import { withoutPublicRoles, withoutPublicRoutes } from './routes.ts';
import { findProblems } from './settings.ts';

/** The part of serverless that the plugin uses: https://github.com/oss-serverless/osls */
interface Serverless {
  service: {
    custom?: { publicRoutes?: string };
    functions: Record<string, { events?: unknown[] }>;
    resources?: {
      Resources: Record<string, { Properties?: Record<string, unknown> }>;
      extensions: Record<string, unknown>;
    };
    provider: {
      compiledCloudFormationTemplate: {
        Resources: Record<string, unknown> & {
          HttpApi: { Properties: { CorsConfiguration: { AllowOrigins: string[] } } };
        };
      };
    };
  };
  processedInput: { commands: string[] };
  getProvider: (name: 'aws') => {
    getStage: () => string;
    getRegion: () => string;
    naming: { getStackName: () => string };
    getAwsSdkV3Config: () => Promise<AwsConfig>;
  };
  classes: { Error: new (message: string, code: string) => Error };
}

/** What serverless gives each plugin beside itself. */
interface Utilities {
  log: { warning: (line: string) => void };
}

export default function BridgePlugin(serverless: Serverless, _options: object, { log }: Utilities) {
  const { service } = serverless;
  const provider = serverless.getProvider('aws');
  const hasPublicRoutes = service.custom?.publicRoutes !== 'off';
  const [command = ''] = serverless.processedInput.commands;
  if (command === 'package' || command === 'deploy') {
    const place = { kind: 'deploy', stage: provider.getStage(), region: provider.getRegion() } as const;
    const problems = findProblems(process.env, place);
    if (problems.length > 0) refuse(['Settings:', ...problems].join('\n'), 'WRONG_SETTINGS');
  }

  function refuse(message: string, code: string): never {
    throw new serverless.classes.Error(message, code);
  }

  return {
    hooks: {
      initialize: (): void => {
        if (hasPublicRoutes) return;
        service.functions = withoutPublicRoutes(service.functions);
        if (service.resources !== undefined)
          service.resources.Resources = withoutPublicRoles(service.resources.Resources);
      },
      // serverless takes the origins as a list of texts only, and a setting is one text.
      'after:package:compileEvents': (): void => {
        const { Resources } = service.provider.compiledCloudFormationTemplate;
        const cors = Resources.HttpApi.Properties.CorsConfiguration;
        cors.AllowOrigins = cors.AllowOrigins.flatMap((text) => text.split(','));
        // serverless refuses an addition to what it has not made.
        const { extensions } = service.resources ?? {};
        if (hasPublicRoutes || extensions === undefined) return;
        for (const id of Object.keys(extensions)) if (!(id in Resources)) delete extensions[id];
      },
      'after:aws:package:finalize:mergeCustomProviderResources': (): void => {
        const region = provider.getRegion();
        const lacks = lacksOf(region);
        if (lacks.length === 0) return;
        const template = service.provider.compiledCloudFormationTemplate;
        Object.assign(template.Resources, withoutTraces(template.Resources));
        for (const { what, instead, source } of lacks) {
          log.warning(`${region} has no ${what}: ${instead} (${source})`);
        }
      },
      'before:remove:remove': async (): Promise<void> => {
        // Only this command needs the SDK.
        const { findHindrance } = await import('./removal.ts');
        const hindrance = await findHindrance(
          provider.naming.getStackName(),
          await provider.getAwsSdkV3Config(),
        );
        if (hindrance !== undefined) refuse(hindrance, 'SIGNING_KEY_IN_USE');
      },
    },
  };
}
