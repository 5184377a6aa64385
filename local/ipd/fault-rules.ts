/**
 * Decides which request gets which fault: the active rules, how often each fired, and the random source.
 * The table in `faults.ts` says what a fault does.
 */
import { z } from 'zod';
import { faultSchema, noFault, type Plan } from './faults.ts';
import { OPERATIONS, type AuthKind, type Operation } from './types.ts';

const matchSchema = z.strictObject({
  method: z.string().toUpperCase().optional(),
  operation: z.enum(OPERATIONS).optional(),
  issueId: z.string().optional(),
  filename: z.string().optional(),
  auth: z.enum(['token', 'aksk', 'none']).optional(),
});

const ruleSchema = z.strictObject({
  match: matchSchema.default({}),
  skip: z.number().int().nonnegative().default(0),
  count: z.number().int().nonnegative().optional(),
  probability: z.number().min(0).max(1).default(1),
  fault: faultSchema,
});

type RequestFacts = {
  method: string;
  operation: Operation;
  issueId: string | undefined;
  auth: AuthKind;
  /** Available only once the part's header has been read. */
  filename: string | undefined;
};

type Rule = z.output<typeof ruleSchema> & { given: object; skipped: number; fired: number };

/** The active fault rules; `replace` throws a ZodError that says what is wrong with a new list. */
export function createFaults({ random }: { random: () => number }) {
  let rules: Rule[] = [];

  function replace(input: unknown): void {
    const given = z.array(z.looseObject({})).parse(input);
    const parsed = z.array(ruleSchema).parse(given);
    rules = parsed.map((rule, index) => ({ ...rule, given: given[index] ?? {}, skipped: 0, fired: 0 }));
  }

  /** The first active fault that matches, counted as fired. */
  function pick(facts: RequestFacts): Plan {
    for (const rule of rules) {
      if (!isActive(rule) || !matches(rule, facts)) continue;
      if (rule.skipped < rule.skip) {
        rule.skipped += 1;
        continue;
      }
      if (rule.probability < 1 && random() >= rule.probability) continue;
      rule.fired += 1;
      return rule.fault;
    }
    return noFault;
  }

  return {
    replace,
    pick,
    needsFilename: () => rules.some((rule) => isActive(rule) && rule.match.filename !== undefined),
    list: () => rules.map(({ given, fired }) => ({ ...given, fired })),
  };
}

function isActive(rule: Rule): boolean {
  return rule.count === undefined || rule.fired < rule.count;
}

function matches({ match }: Rule, facts: RequestFacts): boolean {
  return (
    (match.method ?? facts.method) === facts.method &&
    (match.operation ?? facts.operation) === facts.operation &&
    (match.issueId ?? facts.issueId) === facts.issueId &&
    (match.filename ?? facts.filename) === facts.filename &&
    (match.auth ?? facts.auth) === facts.auth
  );
}
