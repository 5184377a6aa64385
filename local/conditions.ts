/**
 * CloudFormation's conditions: removes the parts of a template that do not apply. Pure; owns !Equals and !Not on texts
 * and on parameters with a default, and refuses the rest by name. Runs before intrinsics.ts, which knows no conditions.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
 */
import type { Json } from './variables.ts';

interface Part {
  Parameters?: Record<string, { Default?: Json | undefined }> | undefined;
  Conditions?: Record<string, Json> | undefined;
}

/** Decides every `Fn::If` in a document, drops `AWS::NoValue`, and resources whose condition is not met. */
export function applyConditions(document: Json, parts: Part[]): Json {
  const parameters: NonNullable<Part['Parameters']> = Object.assign(
    {},
    ...parts.map((part) => part.Parameters),
  );
  const conditions: NonNullable<Part['Conditions']> = Object.assign(
    {},
    ...parts.map((part) => part.Conditions),
  );

  function isMet(name: Json | undefined): boolean {
    const condition = typeof name === 'string' ? conditions[name] : undefined;
    if (condition === undefined) throw new Error(`there is no condition ${JSON.stringify(name)}`);
    return decide(condition);
  }

  function decide(condition: Json): boolean {
    const [name, argument] = functionOf(condition) ?? [];
    if (name === 'Condition') return isMet(argument);
    if (name === 'Fn::Not' && Array.isArray(argument)) return !decide(argument[0] ?? null);
    if (name === 'Fn::Equals' && Array.isArray(argument)) {
      const [one, other] = argument.map(valueOf);
      return one === other;
    }
    throw new Error(`the embedded stack does not know the condition ${JSON.stringify(condition)}`);
  }

  function valueOf(value: Json): Json {
    const [name, argument] = functionOf(value) ?? [];
    if (name === undefined) return value;
    const parameter =
      name === 'Ref' && typeof argument === 'string' ? parameters[argument]?.Default : undefined;
    if (parameter === undefined)
      throw new Error(`the embedded stack cannot compare ${JSON.stringify(value)}`);
    return parameter;
  }

  /** Undefined where the value is left out (`AWS::NoValue`). */
  function apply(value: Json): Json | undefined {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map(apply).filter((item) => item !== undefined);
    const [name, argument] = functionOf(value) ?? [];
    if (name === 'Ref' && argument === 'AWS::NoValue') return undefined;
    if (name === 'Fn::If' && Array.isArray(argument)) {
      const [condition, met, unmet] = argument;
      return apply((isMet(condition) ? met : unmet) ?? null);
    }
    if ('Type' in value && 'Condition' in value && !isMet(value['Condition'])) return undefined;
    const entries = Object.entries(value).map(([key, item]) => [key, apply(item)] as const);
    return Object.fromEntries(entries.flatMap(([key, item]) => (item === undefined ? [] : [[key, item]])));
  }

  return apply(document) ?? null;
}

/** `{ "Fn::If": … }`: an object is a function call when its only key names a function. */
function functionOf(value: Json): [name: string, argument: Json] | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  const [only, ...more] = Object.entries(value);
  const isCall = only !== undefined && more.length === 0 && /^(Ref|Condition|Fn::.*)$/.test(only[0]);
  return isCall ? only : undefined;
}
