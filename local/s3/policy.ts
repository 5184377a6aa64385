/**
 * The policy of a form upload: the fields and sizes that its signer allows. Pure.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
import { z } from 'zod';
import { S3Error } from './errors.ts';
import type { Headers } from './http.ts';

/** Fields that need no condition. */
const FREE_FIELD = /^(policy|x-amz-signature|file|x-ignore-.*)$/;

const conditionSchema = z.union([
  z.tuple([
    z.literal('content-length-range'),
    z.coerce.number().int().min(0),
    z.coerce.number().int().min(0),
  ]),
  z.tuple([z.enum(['eq', 'starts-with']), z.string().startsWith('$'), z.string()]),
  z.record(z.string(), z.string()),
]);

const policySchema = z.object({ expiration: z.iso.datetime(), conditions: z.array(conditionSchema) });

/** Throws unless the policy allows these fields now; returns the sizes that it allows. */
export function checkPolicy(
  encoded: string,
  { fields, bucket, now }: { fields: Headers; bucket: string; now: Date },
): { minimum: number; maximum: number } {
  const policy = parsePolicy(encoded);
  if (now >= new Date(policy.expiration)) throw refused('Policy expired.');
  const values: Headers = { ...fields, bucket };
  const covered = new Set(['bucket']);
  const range = { minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

  for (const condition of policy.conditions.flatMap(expand)) {
    if (condition[0] === 'content-length-range') {
      range.minimum = Math.max(range.minimum, condition[1]);
      range.maximum = Math.min(range.maximum, condition[2]);
      continue;
    }
    const [operator, variable, expected] = condition;
    const name = variable.slice(1).toLowerCase();
    const value = values[name];
    const holds = operator === 'eq' ? value === expected : value?.startsWith(expected) === true;
    if (!holds) throw refused(`Policy Condition failed: ${JSON.stringify(condition)}`);
    covered.add(name);
  }

  const extra = Object.keys(fields).filter((name) => !covered.has(name) && !FREE_FIELD.test(name));
  if (extra.length > 0) throw refused(`Extra input fields: ${extra.join(', ')}`);
  return range;
}

type Condition = Exclude<z.infer<typeof conditionSchema>, Record<string, string>> | ['eq', string, string];

/** `{"acl": "x"}` is another way to write `["eq", "$acl", "x"]`. */
function expand(condition: z.infer<typeof conditionSchema>): Condition[] {
  if (Array.isArray(condition)) return [condition];
  return Object.entries(condition).map(([name, value]) => ['eq', `$${name}`, value]);
}

function parsePolicy(encoded: string): z.infer<typeof policySchema> {
  try {
    return policySchema.parse(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')));
  } catch (cause) {
    throw new S3Error('InvalidPolicyDocument', 'Invalid Policy: Invalid JSON.', { cause });
  }
}

function refused(reason: string): S3Error {
  return new S3Error('AccessDenied', `Invalid according to Policy: ${reason}`);
}
