/**
 * serverless.yml names this plugin. Before a package or a deploy it checks the settings and ends the command with one
 * line for each wrong one. It does so when serverless loads it: later, serverless would check its own schema first,
 * whose messages name no setting. It divides the list of allowed origins. Before a removal it names the access keys that an operator must delete first.
 */
import type { AwsConfig } from './removal.ts';
import { findProblems } from './settings.ts';

/** The part of serverless that the plugin uses: https://github.com/oss-serverless/osls */
interface Serverless {
  service: {
    provider: {
      compiledCloudFormationTemplate: {
        Resources: { HttpApi: { Properties: { CorsConfiguration: { AllowOrigins: string[] } } } };
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

export default function BridgePlugin(serverless: Serverless) {
  const provider = serverless.getProvider('aws');
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
      // serverless takes the origins as a list of texts only, and a setting is one text.
      'after:package:compileEvents': (): void => {
        const { Resources } = serverless.service.provider.compiledCloudFormationTemplate;
        const cors = Resources.HttpApi.Properties.CorsConfiguration;
        cors.AllowOrigins = cors.AllowOrigins.flatMap((text) => text.split(','));
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
