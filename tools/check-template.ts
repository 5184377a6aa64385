/**
 * `npm run check:template`: packages the service as a deploy does and has the template checked by cfn-lint, where this
 * machine has it, and by cdk-nag, which comes with the tools. Ends with 1 when either finds something that is not
 * justified beside its resource.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFunctions } from '../bench/packaged.ts';
import { review } from './nag.ts';

const TEMPLATE = 'zips/cloudformation-template-update-stack.json';

function lint(template: string): boolean {
  const { error, status, stdout } = spawnSync(
    'cfn-lint',
    ['--non-zero-exit-code', 'informational', template],
    {
      encoding: 'utf8',
    },
  );
  if (error !== undefined) {
    console.log('cfn-lint   NOT RUN: this machine does not have it (pip install cfn-lint)');
    return true;
  }
  console.log(status === 0 ? 'cfn-lint   no finding' : `cfn-lint   ${stdout}`);
  return status === 0;
}

function nag(template: string): boolean {
  const { justified, unjustified, needless } = review(template);
  console.log(
    `cdk-nag    ${justified.length} findings justified beside their resource, ${unjustified.length} not`,
  );
  for (const { resource, rule } of unjustified) console.log(`  ${resource}: ${rule}`);
  for (const { resource, rule } of needless) console.log(`  ${resource}: nothing finds ${rule}`);
  return unjustified.length === 0 && needless.length === 0;
}

const directory = await mkdtemp(join(tmpdir(), 'bridge-template-'));
try {
  await packageFunctions(directory);
  const template = join(directory, TEMPLATE);
  const isSound = [lint(template), nag(template)].every(Boolean);
  process.exitCode = isSound ? 0 : 1;
} finally {
  await rm(directory, { recursive: true });
}
