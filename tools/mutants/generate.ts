/**
 * The mutants of a file: its text with one guard taken away, one order changed, one write left out, or one value
 * changed (`values.ts`). They follow from the syntax tree alone, and are not chosen. Pure: it reads and writes no file,
 * and runs nothing.
 */
import { edited, FUNCTIONS, isLogical, keyOf, quote, without } from './draft.ts';
import type { Draft, MutantKind } from './draft.ts';
import { childOf, inRole, isTypeScript, parse, textOf, walk } from './syntax.ts';
import type { Node } from './syntax.ts';
import { valueDrafts } from './values.ts';

export type Mutant = {
  /** Its file, function, kind, change and number among those alike: edits elsewhere do not change it. */
  id: string;
  file: string;
  kind: MutantKind;
  /** Where it begins: a character, and a line from 1. */
  start: number;
  line: number;
  /** The text of the innermost function with a name around it. */
  context: string;
  /** The whole file with the change. */
  text: string;
};

/** Each comparison with the one that differs from it only at the boundary. */
const BOUNDARY: Record<string, string> = { '<': '<=', '<=': '<', '>': '>=', '>=': '>' };
const EQUALITIES = new Set(['===', '!==']);
/** Members of a request that make it conditional, or its read consistent. */
const PRECONDITIONS = new Set(['IfMatch', 'IfNoneMatch', 'if-match', 'if-none-match', 'ConsistentRead']);
/** An attribute that no item has: the table has it never, so `attribute_not_exists` of it is always true. */
const NEVER = 'unwritten';
/** Calls by these names change nothing, so their order means nothing. */
const READS = /^(?:find|read|list|count|get|has|is|query|sleep|all|check|connect|parse)(?![a-z])/;
const EXITS = new Set(['ReturnStatement', 'ThrowStatement', 'ContinueStatement', 'BreakStatement']);

/** All mutants of a file, in the order of the text; none is like the original, like another, or no TypeScript. */
export function mutantsOf(file: string, source: string): Mutant[] {
  const seen = new Set([source]);
  const counts = new Map<string, number>();
  const nodes = [...walk(parse(source))];
  const drafts = [guardDrafts, valueDrafts].flatMap((draftsOf) =>
    nodes.flatMap((node) => draftsOf(node, source)).toSorted((a, b) => a.node.start - b.node.start),
  );
  return drafts
    .flatMap(({ kind, node, what, edits }) => {
      const text = edited(source, edits);
      if (seen.has(text) || !isTypeScript(text)) return [];
      seen.add(text);
      const name = `${file} ${functionOf(node, source).name} ${kind}: ${what}`;
      const count = (counts.get(name) ?? 0) + 1;
      counts.set(name, count);
      return {
        id: count === 1 ? name : `${name} #${count}`,
        file,
        kind,
        start: node.start,
        line: source.slice(0, node.start).split('\n').length,
        context: functionOf(node, source).text,
        text,
      };
    })
    .toSorted((a, b) => a.start - b.start);
}

function guardDrafts(node: Node, source: string): Draft[] {
  return [
    ...clauses(node, source),
    ...conditions(node, source),
    ...comparisons(node, source),
    ...preconditions(node, source),
    ...ledgerConditions(node, source),
    ...orders(node, source),
    ...writes(node, source),
  ];
}

/** Each clause of `&&`, `||` and `??` left out: it is then true in an `&&`, and false in an `||`. */
function clauses(node: Node, source: string): Draft[] {
  if (!isLogical(node)) return [];
  const operator = textOf(node, 'operator') ?? '';
  if (node.parent && isLogical(node.parent) && textOf(node.parent, 'operator') === operator) return [];
  const operands = operandsOf(node, operator);
  return operands.map((operand, index): Draft => {
    const [before, next] = [operands[index - 1], operands[index + 1]];
    const edit =
      next === undefined
        ? { start: before?.end ?? operand.start, end: operand.end, text: '' }
        : { start: operand.start, end: next.start, text: '' };
    const what = `without ${quote(source, operand)} beside ${operator}`;
    return { kind: 'clause', node: operand, what, edits: [edit] };
  });
}

function operandsOf(node: Node, operator: string): Node[] {
  if (!isLogical(node) || textOf(node, 'operator') !== operator) return [node];
  return node.children.flatMap((one) => operandsOf(one, operator));
}

/** A guard that ends early never does; any other condition is taken both ways. */
function conditions(node: Node, source: string): Draft[] {
  const test = childOf(node, 'test');
  const isCondition = [
    'IfStatement',
    'ConditionalExpression',
    'WhileStatement',
    'DoWhileStatement',
    'ForStatement',
  ];
  if (test === undefined || !isCondition.includes(node.type)) return [];
  const isGuard =
    node.type === 'IfStatement' &&
    childOf(node, 'alternate') === undefined &&
    endsEarly(childOf(node, 'consequent'));
  const kind = isGuard ? 'guard' : 'condition';
  return (isGuard ? ['false'] : ['false', 'true']).map((value) => ({
    kind,
    node: test,
    what: `${quote(source, test)} is ${value}`,
    edits: [{ start: test.start, end: test.end, text: value }],
  }));
}

function endsEarly(statement: Node | undefined): boolean {
  if (statement === undefined) return false;
  if (statement.type !== 'BlockStatement') return EXITS.has(statement.type);
  return endsEarly(inRole(statement, 'stmts').at(-1));
}

/**
 * At the boundary, and, where it is neither a clause nor a whole condition, taken both ways. An equality is not
 * inverted: a test that finds it always true, or always false, finds that too.
 */
function comparisons(node: Node, source: string): Draft[] {
  const operator = textOf(node, 'operator') ?? '';
  const [first, second] = node.children;
  if (node.type !== 'BinaryExpression' || first === undefined || second === undefined) return [];
  const boundary = BOUNDARY[operator];
  if (boundary === undefined && !EQUALITIES.has(operator)) return [];
  const change = (text: string, what: string): Draft => ({
    kind: 'comparison',
    node,
    what: `${quote(source, node)} ${what}`,
    edits: [{ start: node.start, end: node.end, text }],
  });
  const isCovered = node.role === 'test' || (node.parent !== undefined && isLogical(node.parent));
  const [one, two] = [source.slice(first.start, first.end), source.slice(second.start, second.end)];
  return [
    ...(boundary === undefined ? [] : [change(`${one} ${boundary} ${two}`, `by ${boundary}`)]),
    ...(isCovered ? [] : [change('true', 'is true'), change('false', 'is false')]),
  ];
}

/** `If-Match` and its like left out of a request; each condition left out of a form's policy. */
function preconditions(node: Node, source: string): Draft[] {
  if (node.type === 'KeyValueProperty' && PRECONDITIONS.has(keyOf(node, source))) {
    return [
      { kind: 'precondition', node, what: `without ${quote(source, node)}`, edits: [without(node, source)] },
    ];
  }
  if (node.type !== 'ArrayExpression' || node.parent === undefined) return [];
  if (node.parent.type !== 'KeyValueProperty' || keyOf(node.parent, source) !== 'conditions') return [];
  return node.children.map((element) => ({
    kind: 'precondition',
    node: element,
    what: `without ${quote(source, element)}`,
    edits: [without(element, source)],
  }));
}

/**
 * A conditional write of the ledger that is always made, and one that is made without one of its alternatives. They
 * keep every name and value of the expression: DynamoDB refuses those that are not used.
 */
function ledgerConditions(node: Node, source: string): Draft[] {
  const text = source.slice(node.start, node.end);
  const isExpression = /attribute_not_exists\(| = :\w+/.test(text) || node.type === 'Identifier';
  if (!isWriteCondition(node, source) || !isExpression) return [];
  const [raw, isTemplate] =
    node.type === 'Identifier' ? [`\${${text}}`, true] : [text.slice(1, -1), text[0] === '`'];
  const change = (expression: string, what: string): Draft => ({
    kind: 'precondition',
    node,
    what,
    edits: [{ start: node.start, end: node.end, text: isTemplate ? `\`${expression}\`` : `'${expression}'` }],
  });
  const alternatives = raw.split(' OR ');
  const isWhole = node.parent?.type !== 'VariableDeclarator';
  return [
    ...(isWhole
      ? [change(`${raw} OR attribute_not_exists(${NEVER})`, `${quote(source, node)} is always true`)]
      : []),
    ...(alternatives.length < 2 ? [] : alternatives).flatMap((term, index) => {
      const others = alternatives.toSpliced(index, 1).join(' OR ');
      const what = `${quote(source, node)} without ${term}`;
      if (term.startsWith('attribute_not_exists')) return change(others, what);
      const unmet = /^\w+ = (?<value>:\w+)$/.exec(term)?.groups?.['value'];
      if (unmet !== undefined) {
        return change(alternatives.toSpliced(index, 1, `${NEVER} = ${unmet}`).join(' OR '), what);
      }
      return isWhole ? change(`(${raw}) AND (${others})`, what) : [];
    }),
  ];
}

/** The value of `condition`, but not of a query, or a constant that such a value is made of. */
function isWriteCondition(node: Node, source: string): boolean {
  if (!['StringLiteral', 'TemplateLiteral', 'Identifier'].includes(node.type)) return false;
  const { parent } = node;
  if (parent?.type === 'VariableDeclarator') return node.role === 'init' && node.type === 'StringLiteral';
  if (parent?.type !== 'KeyValueProperty' || node.role !== 'value') return false;
  if (keyOf(parent, source) !== 'condition') return false;
  return !inRole(parent.parent ?? parent, 'properties').some((one) => keyOf(one, source) === 'index');
}

/** Two neighbours that each wait for a write, the second one first. */
function orders(node: Node, source: string): Draft[] {
  const statements = inRole(node, node.type === 'Module' ? 'body' : 'stmts');
  return statements.slice(1).flatMap((second, index): Draft[] => {
    const first = statements[index];
    if (first === undefined || !awaitsWrite(first, source) || !awaitsWrite(second, source)) return [];
    if (EXITS.has(second.type) || EXITS.has(first.type)) return [];
    if (declaredIn(first).some((name) => mentions(second, name))) return [];
    const [one, two] = [source.slice(first.start, first.end), source.slice(second.start, second.end)];
    return [
      {
        kind: 'order',
        node: first,
        what: `${quote(source, second)} before ${quote(source, first)}`,
        edits: [
          { start: first.start, end: first.end, text: two },
          { start: second.start, end: second.end, text: one },
        ],
      },
    ];
  });
}

/** A whole statement that waits for something left out. */
function writes(node: Node, source: string): Draft[] {
  if (node.type !== 'ExpressionStatement' || node.children[0]?.type !== 'AwaitExpression') return [];
  return [
    {
      kind: 'write',
      node,
      what: `without ${quote(source, node)}`,
      edits: [{ start: node.start, end: node.end, text: ';' }],
    },
  ];
}

/** True where the statement itself, not a function in it, waits for a call that may change something. */
function awaitsWrite(statement: Node, source: string): boolean {
  return [...inThisFunction(statement)].some((node) => {
    if (node.type !== 'AwaitExpression') return false;
    const call = [...inThisFunction(node)].find(({ type }) => type === 'CallExpression');
    const callee = childOf(call, 'callee');
    if (callee === undefined) return false;
    const name = source.slice(callee.start, callee.end).split('.').at(-1) ?? '';
    return !READS.test(name);
  });
}

function* inThisFunction(node: Node): Generator<Node> {
  if (FUNCTIONS.has(node.type)) return;
  yield node;
  for (const child of node.children) yield* inThisFunction(child);
}

function declaredIn(statement: Node): string[] {
  if (statement.type !== 'VariableDeclaration') return [];
  return statement.children.flatMap((declarator) => {
    const id = childOf(declarator, 'id');
    return id === undefined ? [] : [...walk(id)].flatMap((node) => textOf(node, 'value') ?? []);
  });
}

function mentions(node: Node, name: string): boolean {
  return [...walk(node)].some((one) => one.type === 'Identifier' && textOf(one, 'value') === name);
}

/** The innermost function with a name: all names around it, and its text. */
function functionOf(node: Node, source: string): { name: string; text: string } {
  const names: string[] = [];
  let text: string | undefined;
  for (let around = node.parent; around !== undefined; around = around.parent) {
    const id = childOf(around, 'identifier') ?? childOf(around, 'id') ?? childOf(around, 'key');
    const isNamed =
      around.type === 'FunctionDeclaration' ||
      (['VariableDeclarator', 'KeyValueProperty', 'MethodProperty'].includes(around.type) &&
        around.children.some(({ type }) => FUNCTIONS.has(type)));
    if (!isNamed || id === undefined) continue;
    names.unshift(source.slice(id.start, id.end).replace(/:.*/s, ''));
    text ??= source.slice(around.start, around.end);
  }
  return { name: names.join('/') || '(module)', text: text ?? source };
}
