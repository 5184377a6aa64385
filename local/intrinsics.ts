/**
 * CloudFormation's intrinsic functions: their YAML tags and their values. Owns !Ref, !GetAtt, !Sub, !Join and
 * !Split; any other is parsed but refused, by name and place, once its value is needed. Does not know the resources: the
 * caller, who made them, passes their references in.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 */
import { YAMLMap, YAMLSeq, parse } from 'yaml';
import type { CollectionTag, ScalarTag } from 'yaml';
import type { Json } from './variables.ts';

/** The values of `!Ref` and `!GetAtt` for a logical id. */
export interface Reference {
  ref: string;
  attributes: Record<string, string>;
}

export type References = Record<string, Reference>;

const TAG_NAMES =
  `Ref GetAtt Sub Join If Equals Not And Or Condition Select Split FindInMap ImportValue Base64 Cidr
  GetAZs Length ToJsonString`.split(/\s+/);

/** What was parsed, by its text: a start of the stack reads each file twice. Nothing changes it. */
const parsed = new Map<string, Json>();

/** Parses YAML with CloudFormation's short tags into their long form (`!Ref A` becomes `{ Ref: 'A' }`). */
export function parseTemplateYaml(text: string): Json {
  const value = parsed.get(text) ?? parse(text, { customTags: TAG_NAMES.flatMap(tagsOf), merge: true });
  parsed.set(text, value);
  return value;
}

/** Replaces every intrinsic function in `value` by the value that AWS would put there. */
export function resolveIntrinsics(value: Json, references: References, place: string): Json {
  if (Array.isArray(value)) {
    return value.map((item, index) => resolveIntrinsics(item, references, `${place}[${index}]`));
  }
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value);
  const [only] = entries;
  if (only !== undefined && entries.length === 1 && (only[0] === 'Ref' || only[0].startsWith('Fn::'))) {
    return evaluate(only[0], only[1], references, place);
  }
  return Object.fromEntries(
    entries.map(([key, item]) => [key, resolveIntrinsics(item, references, `${place}.${key}`)]),
  );
}

function evaluate(name: string, argument: Json, references: References, place: string): Json {
  if (name === 'Ref' && typeof argument === 'string') return find(argument, references, place).ref;
  if (name === 'Fn::GetAtt' && Array.isArray(argument)) {
    return attribute(argument.map(String).join('.'), references, place);
  }
  if (name === 'Fn::Sub' && typeof argument === 'string') {
    return argument.replace(/\$\{([^!][^}]*)\}/g, (_whole, id: string) =>
      id.includes('.') ? attribute(id, references, place) : find(id, references, place).ref,
    );
  }
  if (name === 'Fn::Join' && Array.isArray(argument)) {
    const [separator, list = null] = argument;
    const parts = resolveIntrinsics(list, references, place);
    if (typeof separator === 'string' && Array.isArray(parts)) {
      return parts.map((part) => toText(part, place)).join(separator);
    }
  }
  if (name === 'Fn::Split' && Array.isArray(argument)) {
    const [separator, whole = null] = argument;
    if (typeof separator === 'string') {
      return toText(resolveIntrinsics(whole, references, place), place).split(separator);
    }
  }
  throw new Error(`${place}: the embedded stack does not know the intrinsic function ${name} in this form`);
}

function toText(value: Json, place: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`${place}: only texts can be joined or split`);
}

function find(id: string, references: References, place: string): Reference {
  const reference = references[id];
  if (reference === undefined) throw new Error(`${place}: "${id}" is not a resource that exists locally`);
  return reference;
}

function attribute(path: string, references: References, place: string): string {
  const [id = '', ...rest] = path.split('.');
  const value = find(id, references, place).attributes[rest.join('.')];
  if (value === undefined) throw new Error(`${place}: "${id}" has no attribute "${rest.join('.')}" locally`);
  return value;
}

function tagsOf(name: string): (ScalarTag | CollectionTag)[] {
  const tag = `!${name}`;
  const key = name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`;
  const wrap = (node: YAMLMap | YAMLSeq): YAMLMap => {
    const map = new YAMLMap();
    map.set(key, node);
    return map;
  };
  return [
    { tag, resolve: (text) => ({ [key]: name === 'GetAtt' ? splitAttribute(text) : text }) },
    { tag, collection: 'seq', resolve: (node) => (node instanceof YAMLSeq ? wrap(node) : node) },
    { tag, collection: 'map', resolve: (node) => (node instanceof YAMLMap ? wrap(node) : node) },
  ];
}

function splitAttribute(text: string): string[] {
  const dot = text.indexOf('.');
  return dot < 0 ? [text] : [text.slice(0, dot), text.slice(dot + 1)];
}
