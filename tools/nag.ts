/**
 * cdk-nag over the packaged template: AWS's rules for sound and serverless architectures. A finding is justified by a
 * `cdk_nag` entry in the metadata of its own resource, with a reason; an entry that no finding needs is reported, too.
 * https://github.com/cdklabs/cdk-nag/blob/main/RULES.md
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { z } from 'zod';

/** `Rule` or `Rule[what it found]`, at a resource of the template. */
export type Finding = { resource: string; rule: string };

export type Review = {
  justified: (Finding & { reason: string })[];
  unjustified: Finding[];
  /** Justifications that match no finding. */
  needless: Finding[];
};

const suppressions = z.object({
  cdk_nag: z.object({
    rules_to_suppress: z.array(
      z.strictObject({
        id: z.string(),
        reason: z.string().min(10),
        applies_to: z.array(z.string()).optional(),
      }),
    ),
  }),
});
const template = z.object({
  Resources: z.record(z.string(), z.object({ Metadata: suppressions.partial().optional() })),
});

/** Applies both packs to a template's file. */
export function review(templateFile: string): Review {
  const found = findingsOf(templateFile);
  const { Resources } = template.parse(JSON.parse(readFileSync(templateFile, 'utf8')));
  const excuses = Object.entries(Resources).flatMap(([resource, { Metadata }]) =>
    (Metadata?.cdk_nag?.rules_to_suppress ?? []).flatMap(({ id, reason, applies_to: places }) =>
      (places?.map((place) => `${id}[${place}]`) ?? [id]).map((rule) => ({ resource, rule, reason })),
    ),
  );
  const isSame = (one: Finding) => (other: Finding) =>
    one.resource === other.resource && one.rule === other.rule;
  return {
    justified: excuses.filter((excuse) => found.some(isSame(excuse))),
    unjustified: found.filter((finding) => !excuses.some(isSame(finding))),
    needless: excuses.filter((excuse) => !found.some(isSame(excuse))),
  };
}

function findingsOf(templateFile: string): Finding[] {
  const outdir = mkdtempSync(join(tmpdir(), 'bridge-nag-'));
  try {
    const app = new App({ outdir, analyticsReporting: false });
    const stack = new Stack(app, 'Bridge');
    const include = new CfnInclude(stack, 'Template', { templateFile });
    return [new AwsSolutionsChecks(app), new ServerlessChecks(app)].flatMap((pack) =>
      pack.validateScope(include).violations.flatMap(({ ruleName, violatingResources }) =>
        violatingResources.map(({ constructPath = '' }) => ({
          resource: constructPath.slice(constructPath.lastIndexOf('/') + 1),
          rule: ruleName,
        })),
      ),
    );
  } finally {
    rmSync(outdir, { recursive: true });
  }
}
