/** What a change of a file is before it has an identity, and what the rules for such changes share. Pure. */
import { childOf, textOf } from './syntax.ts';
import type { Node } from './syntax.ts';

export type MutantKind =
  | 'clause'
  | 'guard'
  | 'condition'
  | 'comparison'
  | 'precondition'
  | 'order'
  | 'write'
  | 'off-by-one'
  | 'constant'
  | 'swap'
  | 'fallback'
  | 'slice'
  | 'await'
  | 'spread';

type Edit = { start: number; end: number; text: string };

/** `what` is its change in words, which are a part of its identity. */
export type Draft = { kind: MutantKind; node: Node; what: string; edits: Edit[] };

export const FUNCTIONS = new Set([
  'FunctionDeclaration',
  'FunctionExpression',
  'ArrowFunctionExpression',
  'MethodProperty',
]);
const LOGICAL = new Set(['&&', '||', '??']);
/** Longer texts are cut in the identity of a mutant. */
const QUOTED = 70;

export function isLogical(node: Node): boolean {
  return node.type === 'BinaryExpression' && LOGICAL.has(textOf(node, 'operator') ?? '');
}

export function keyOf(property: Node, source: string): string {
  const key = childOf(property, 'key') ?? property;
  return sourceOf(key, source).replaceAll(/^['"]|['"]$/g, '');
}

export function sourceOf(node: Node, source: string): string {
  return source.slice(node.start, node.end);
}

export function quote(source: string, node: Node): string {
  const text = sourceOf(node, source).replaceAll(/\s+/g, ' ');
  return text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text;
}

/** Puts a text in a node's place. */
export function replaced({ start, end }: Node, text: string): Edit {
  return { start, end, text };
}

/** Takes away a member of a list, with the comma after it. `from` is where it begins, if that is before the node. */
export function without(node: Node, source: string, from = node.start): Edit {
  const [rest = ''] = /^\s*,?/.exec(source.slice(node.end)) ?? [];
  return { start: from, end: node.end + rest.length, text: '' };
}

export function edited(source: string, edits: Edit[]): string {
  let text = source;
  for (const { start, end, text: inserted } of edits.toSorted((a, b) => b.start - a.start)) {
    text = text.slice(0, start) + inserted + text.slice(end);
  }
  return text;
}
