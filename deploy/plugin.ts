/**
 * serverless.yml names this plugin: it looks at the settings before anything is packaged or deployed, and ends the
 * command with one line for each that is wrong. Already as it is loaded, since the schema of serverless itself, which
 * knows of no setting, would complain first.
 */
import { findProblems } from './settings.ts';

/** The little of it that is needed here: https://github.com/oss-serverless/osls */
interface Serverless {
  processedInput: { commands: string[] };
  getProvider: (name: 'aws') => { getStage: () => string; getRegion: () => string };
  classes: { Error: new (message: string, code: string) => Error };
}

export default function SettingsCheck(serverless: Serverless) {
  const [command = ''] = serverless.processedInput.commands;
  if (command === 'package' || command === 'deploy') {
    const provider = serverless.getProvider('aws');
    const place = { kind: 'deploy', stage: provider.getStage(), region: provider.getRegion() } as const;
    const problems = findProblems(process.env, place);
    if (problems.length > 0) {
      throw new serverless.classes.Error(['Settings:', ...problems].join('\n'), 'WRONG_SETTINGS');
    }
  }
  return { hooks: {} };
}
