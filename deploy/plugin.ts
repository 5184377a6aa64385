/**
 * serverless.yml names this plugin. Before anything is packaged or deployed it looks at the settings, and ends the command
 * with one line for each that is wrong: already as it is loaded, since the schema of serverless itself, which knows of
 * no setting, would complain first. Before a removal it says what has to go first.
 */
import type { AwsConfig } from './removal.ts';
import { findProblems } from './settings.ts';

/** The little of it that is needed here: https://github.com/oss-serverless/osls */
interface Serverless {
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
      'before:remove:remove': async (): Promise<void> => {
        // The SDK is for this command alone.
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
