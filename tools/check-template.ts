/**
 * `npm run check:template`: packages the service as a deploy to each of four regions does and has the template checked by
 * cfn-lint for that region, where this machine has it, and by cdk-nag, which comes with the tools. Counts the routes that
 * have no authorizer, and lists the routes where all have one. Ends with 1 when one finds something that is not justified
 * beside its resource.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { packageFunctions } from '../bench/packaged.ts';
import { review } from './nag.ts';

const TEMPLATE = 'zips/cloudformation-template-update-stack.json';

/** The default, the nearest to China of the others, and those in China, for an account without an ICP licence. */
const DEPLOYS = [
  { region: 'eu-central-1', settings: {}, withoutAuthorizer: 8 },
  { region: 'ap-southeast-1', settings: {}, withoutAuthorizer: 8 },
  { region: 'cn-north-1', settings: { PUBLIC_ROUTES: 'off' }, withoutAuthorizer: 0 },
  { region: 'cn-northwest-1', settings: { PUBLIC_ROUTES: 'off' }, withoutAuthorizer: 0 },
];
const routesOf = z.object({
  Resources: z.record(
    z.string(),
    z.object({
      Type: z.string(),
      Properties: z
        .looseObject({ AuthorizationType: z.string().optional(), RouteKey: z.string().optional() })
        .optional(),
    }),
  ),
});

function lint(template: string, region: string): boolean {
  const { error, status, stdout } = spawnSync(
    'cfn-lint',
    ['--non-zero-exit-code', 'informational', '--regions', region, '--', template],
    { encoding: 'utf8' },
  );
  if (error !== undefined) {
    console.log('  cfn-lint   NOT RUN: this machine does not have it (pip install cfn-lint)');
    return true;
  }
  console.log(status === 0 ? '  cfn-lint   no finding' : `  cfn-lint   ${stdout}`);
  return status === 0;
}

function nag(template: string): boolean {
  const { justified, unjustified, needless } = review(template);
  console.log(
    `  cdk-nag    ${justified.length} findings justified beside their resource, ${unjustified.length} not`,
  );
  for (const { resource, rule } of unjustified) console.log(`    ${resource}: ${rule}`);
  for (const { resource, rule } of needless) console.log(`    ${resource}: nothing finds ${rule}`);
  return unjustified.length === 0 && needless.length === 0;
}

function countRoutes(template: string, withoutAuthorizer: number): boolean {
  const { Resources } = routesOf.parse(JSON.parse(readFileSync(template, 'utf8')));
  const routes = Object.values(Resources).flatMap(({ Type, Properties = {} }) =>
    Type === 'AWS::ApiGatewayV2::Route' ? [Properties] : [],
  );
  const open = routes.filter(({ AuthorizationType }) => AuthorizationType === undefined);
  console.log(`  routes     ${routes.length}, ${open.length} of them without an authorizer`);
  for (const { AuthorizationType = '', RouteKey } of open.length === 0 ? routes : [])
    console.log(`    ${AuthorizationType} ${RouteKey}`);
  return open.length === withoutAuthorizer;
}

let isSound = true;
for (const { region, settings, withoutAuthorizer } of DEPLOYS) {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-template-'));
  try {
    await packageFunctions(directory, { region, settings });
    const template = join(directory, TEMPLATE);
    console.log(region);
    const checks = [lint(template, region), nag(template), countRoutes(template, withoutAuthorizer)];
    isSound &&= checks.every(Boolean);
  } finally {
    await rm(directory, { recursive: true });
  }
}
process.exitCode = isSound ? 0 : 1;
