/**
 * The syntax tree of a TypeScript file, as swc reads it, with places that fit the text. Knows nothing of mutants.
 * Types are left out: Node removes them, so a change of one changes nothing.
 */
import { parseSync } from '@swc/core';

/** `start` and `end` count the characters of the text. */
export type Node = {
  type: string;
  start: number;
  end: number;
  parent: Node | undefined;
  /** The member of the parent that holds it, or holds the list with it. */
  role: string;
  children: Node[];
  /** Members that are no nodes: an operator, a name, a value. */
  own: ReadonlyMap<string, unknown>;
};

const OPTIONS = { syntax: 'typescript', target: 'es2024' } as const;

export function isTypeScript(text: string): boolean {
  try {
    parseSync(text, OPTIONS);
    return true;
  } catch {
    return false;
  }
}

/** The root of the tree. Throws where the text is no TypeScript. */
export function parse(text: string): Node {
  const bytes = Buffer.from(text);
  // The tree counts bytes from 1.
  const place = characterPlaces(text, bytes.length);
  const tree: unknown = parseSync(text, OPTIONS);
  const root: Node = {
    type: 'Module',
    start: 0,
    end: text.length,
    parent: undefined,
    role: '',
    children: [],
    own: new Map(),
  };
  if (tree instanceof Object && 'body' in tree) collect(tree.body, { parent: root, role: 'body', place });
  return root;
}

/** All nodes of a tree, parents first. */
export function* walk(node: Node): Generator<Node> {
  yield node;
  for (const child of node.children) yield* walk(child);
}

/** The child, or the children, with this role. */
export function inRole(node: Node, role: string): Node[] {
  return node.children.filter((child) => child.role === role);
}

/** The first child with this role. */
export function childOf(node: Node | undefined, role: string): Node | undefined {
  return node?.children.find((child) => child.role === role);
}

/** A member that is text. */
export function textOf(node: Node | undefined, name: string): string | undefined {
  const value = node?.own.get(name);
  return typeof value === 'string' ? value : undefined;
}

function collect(
  value: unknown,
  { parent, role, place }: { parent: Node; role: string; place: (byte: number) => number },
): void {
  if (Array.isArray(value)) {
    for (const one of value) collect(one, { parent, role, place });
    return;
  }
  if (!(value instanceof Object)) return;
  const span = spanOf(value);
  const type = 'type' in value && typeof value.type === 'string' ? value.type : undefined;
  if (type !== undefined && isType(type)) return;
  if (type === undefined) {
    // An argument, which is no node: its expression stands for it.
    for (const [name, member] of Object.entries(value)) {
      if (name !== 'span') collect(member, { parent, role: name === 'expression' ? role : name, place });
    }
    return;
  }
  const own = new Map<string, unknown>();
  const node: Node = {
    type,
    start: span === undefined ? 0 : place(span.start - 1),
    end: span === undefined ? 0 : place(span.end - 1),
    parent,
    role,
    children: [],
    own,
  };
  for (const [name, member] of Object.entries(value)) {
    if (member instanceof Object) collect(member, { parent: node, role: name, place });
    else own.set(name, member);
  }
  node.children.sort((a, b) => a.start - b.start);
  if (span === undefined) {
    // A property reaches from its key to the end of its value.
    node.start = node.children.at(0)?.start ?? parent.start;
    node.end = node.children.at(-1)?.end ?? parent.start;
  }
  parent.children.push(node);
}

function spanOf(value: object): { start: number; end: number } | undefined {
  if (!('span' in value) || !(value.span instanceof Object)) return undefined;
  const { span } = value;
  if (!('start' in span) || !('end' in span)) return undefined;
  const { start, end } = span;
  return typeof start === 'number' && typeof end === 'number' ? { start, end } : undefined;
}

function isType(type: string): boolean {
  return (
    type.startsWith('Ts') && !['TsAsExpression', 'TsSatisfiesExpression', 'TsConstAssertion'].includes(type)
  );
}

function characterPlaces(text: string, bytes: number): (byte: number) => number {
  if (bytes === text.length) return (byte) => byte;
  const places = new Uint32Array(bytes + 1);
  let byte = 0;
  let character = 0;
  for (const point of text) {
    places[byte] = character;
    byte += Buffer.byteLength(point);
    character += point.length;
  }
  places[byte] = character;
  return (at) => places[at] ?? text.length;
}
