/**
 * The mutants of values: one more or one less, another constant, two values in each other's place, a part of a text or
 * a list cut elsewhere, a promise that is not waited for, members left out. Texts for people, log lines and metrics are
 * passed over: no decision hangs on them. Pure.
 */
import { FUNCTIONS, isLogical, keyOf, quote, replaced, sourceOf, without } from './draft.ts';
import type { Draft } from './draft.ts';
import { childOf, inRole, textOf } from './syntax.ts';
import type { Node } from './syntax.ts';

const ARITHMETIC = new Set(['+', '-', '*', '/', '%', '**', '&', '|', '<<', '>>']);
/** By how much a bound is shifted into the direction that the kind `comparison` leaves out: `x > 5` and `x > 6`. */
const SHIFTED: Record<string, 1 | -1> = { '>': 1, '>=': -1, '<': -1, '<=': 1 };
const EQUALITIES = new Set(['===', '!==']);
const CUTS = new Set(['slice', 'subarray', 'substring']);
/** A number more or less makes no other result here: how far a text is split, how it is shown, how long a random one is. */
const FREE_NUMBERS = new Set(['split', 'stringify', 'randomBytes']);
/** The order of their arguments means nothing. */
const COMMUTATIVE = new Set(['Math.min', 'Math.max']);
/** Names of calls whose arguments are for people: log lines, metrics, lines of a command. */
const FOR_PEOPLE = /^(?:telemetry|log|logger|console)\.|(?:^|\.)(?:addMetrics|fieldsOf)$/;
/** Members and variables that are texts for people. */
const WORDS = new Set(['detail', 'message', 'description', 'title']);
const SIMPLE = new Set(['Identifier', 'MemberExpression', 'OptionalChainingExpression']);

/** All mutants of values that begin with this node. */
export function valueDrafts(node: Node, source: string): Draft[] {
  if (isForPeople(node, source)) return [];
  return [
    ...numbers(node, source),
    ...lengths(node, source),
    ...literals(node, source),
    ...members(node, source),
    ...swappedArguments(node, source),
    ...swappedProperties(node, source),
    ...fallbacks(node, source),
    ...cuts(node, source),
    ...awaits(node, source),
    ...spreads(node, source),
  ];
}

/** Numbers and sums of them that are written down: one more, one less, or twice as many, by what they are used for. */
function numbers(node: Node, source: string): Draft[] {
  if (!isNumber(node, source) || node.type === 'Identifier') return [];
  const parent = around(node);
  if (parent === undefined || isNumber(parent, source)) return [];
  const isPlain = node.type === 'NumericLiteral';
  const value = isPlain ? Number(sourceOf(node, source).replaceAll('_', '')) : Number.NaN;
  const change = (kind: 'off-by-one' | 'constant', text: string): Draft => ({
    kind,
    node,
    what: `${quote(source, expressionAround(node))}: ${quote(source, node)} is ${text}`,
    edits: [replaced(node, text)],
  });
  const more = (by: number): Draft =>
    change('off-by-one', isPlain ? String(value + by) : `(${sourceOf(node, source)} ${signed(by)})`);
  const doubled = (): Draft[] => {
    if (isPlain) return [change('constant', value === 0 ? '1' : String(value * 2))];
    return [change('constant', `(${sourceOf(node, source)}) * 2`)];
  };
  const operator = textOf(parent, 'operator') ?? '';
  switch (parent.type) {
    case 'BinaryExpression': {
      const shift = SHIFTED[operator];
      if (shift !== undefined) return [more(node === parent.children[0] ? -shift : shift)];
      if (!ARITHMETIC.has(operator)) return [];
      return isPlain && (operator === '+' || operator === '-') ? [more(1), more(-1)] : doubled();
    }
    case 'AssignmentExpression':
      return operator === '??=' ? [] : [more(1)];
    case 'Computed':
      return value > 0 ? [more(1), more(-1)] : [more(1)];
    case 'UnaryExpression':
      return [];
    case 'CallExpression': {
      const name = nameOf(parent, source);
      if (CUTS.has(name) || FREE_NUMBERS.has(name)) return [];
      return value === 0 ? [more(1)] : [more(1), more(-1)];
    }
    case 'VariableDeclarator':
      return isAtTop(parent) ? doubled() : [more(1)];
    case 'KeyValueProperty':
      return node.role === 'value' ? doubled() : [];
    case 'ConditionalExpression':
      // Of what a comparison for sorting answers, the sign alone counts.
      return node.role === 'test' || parent.children.some(isNegative) ? [] : doubled();
    case 'ArrayExpression':
    case 'ReturnStatement':
    case 'ArrowFunctionExpression':
    case 'AssignmentPattern':
    case 'AssignmentPatternProperty':
      return doubled();
    default:
      return [];
  }
}

/** `.length` with one more, or one less where the kind `comparison` shifts its bound into the other direction. */
function lengths(node: Node, source: string): Draft[] {
  if (node.type !== 'MemberExpression' || !sourceOf(node, source).endsWith('.length')) return [];
  const parent = around(node);
  const by = (shift: number): Draft => ({
    kind: 'off-by-one',
    node,
    what: `${quote(source, expressionAround(node))}: ${quote(source, node)} ${signed(shift)}`,
    edits: [replaced(node, `(${sourceOf(node, source)} ${signed(shift)})`)],
  });
  const operator = textOf(parent, 'operator') ?? '';
  switch (parent?.type) {
    case 'BinaryExpression': {
      const other = parent.children.find((child) => child !== node);
      // The number beside it is changed itself.
      if (other === undefined || isNumber(other, source)) return [];
      const shift = SHIFTED[operator];
      if (shift !== undefined) return [by(node === parent.children[0] ? -shift : shift)];
      return ARITHMETIC.has(operator) ? [by(1), by(-1)] : [];
    }
    case 'CallExpression':
      return CUTS.has(nameOf(parent, source)) ? [] : [by(1)];
    case 'KeyValueProperty':
    case 'ReturnStatement':
    case 'ArrowFunctionExpression':
    case 'VariableDeclarator':
    case 'ConditionalExpression':
      return node.role === 'test' ? [] : [by(1)];
    default:
      return [];
  }
}

/** A case of a switch that never comes, and a clause of `&&` that no value meets: NaN equals nothing. */
function literals(node: Node, source: string): Draft[] {
  if (node.type !== 'StringLiteral' && node.type !== 'NumericLiteral') return [];
  const { parent } = node;
  const isCase = parent?.type === 'SwitchCase' && node.role === 'test';
  const isClause =
    parent?.type === 'BinaryExpression' &&
    EQUALITIES.has(textOf(parent, 'operator') ?? '') &&
    textOf(parent.parent, 'operator') === (textOf(parent, 'operator') === '===' ? '&&' : '||');
  if (!isCase && !isClause) return [];
  const what = isCase ? `case ${quote(source, node)}` : quote(source, parent);
  return [{ kind: 'constant', node, what: `${what} is for NaN`, edits: [replaced(node, 'NaN')] }];
}

/** An element left out of a list of texts or numbers that is written down. */
function members(node: Node, source: string): Draft[] {
  if (node.type !== 'ArrayExpression' || node.children.length < 2) return [];
  if (!node.children.every(({ type }) => type === 'StringLiteral')) return [];
  return node.children.map((element) => ({
    kind: 'constant',
    node: element,
    what: `${quote(source, node)} without ${quote(source, element)}`,
    edits: [without(element, source)],
  }));
}

/** Two neighbouring arguments of a call, each a name or a member, change places. */
function swappedArguments(node: Node, source: string): Draft[] {
  if (node.type !== 'CallExpression' || COMMUTATIVE.has(calleeOf(node, source))) return [];
  return pairs(inRole(node, 'arguments')).flatMap(([one, two]) =>
    isSimple(one, source) && isSimple(two, source) ? swapped({ one, two }, { node, source }) : [],
  );
}

/** Two neighbouring members of an object, each with a name or a member as its value, have each other's value. */
function swappedProperties(node: Node, source: string): Draft[] {
  if (node.type !== 'ObjectExpression') return [];
  return pairs(inRole(node, 'properties')).flatMap(([first, second]): Draft[] => {
    const [one, two] = [valueOf(first), valueOf(second)];
    if (one === undefined || two === undefined) return [];
    return isSimple(one, source) && isSimple(two, source) ? swapped({ one, two }, { node, source }) : [];
  });
}

/** A shorthand member is its own value. */
function valueOf(property: Node): Node | undefined {
  if (property.type === 'Identifier') return property;
  return property.type === 'KeyValueProperty' ? childOf(property, 'value') : undefined;
}

function swapped(
  { one, two }: { one: Node; two: Node },
  { node, source }: { node: Node; source: string },
): Draft[] {
  const [first, second] = [sourceOf(one, source), sourceOf(two, source)];
  if (first === second) return [];
  const named = ({ role }: Node, name: string, value: string): string =>
    role === 'properties' ? `${name}: ${value}` : value;
  return [
    {
      kind: 'swap',
      node: one,
      what: `${quote(source, one)} and ${quote(source, two)} in ${quote(source, node)}`,
      edits: [replaced(one, named(one, first, second)), replaced(two, named(two, second, first))],
    },
  ];
}

/** `a ?? b` the other way round. What comes last and is written down is never absent: that is a lost clause. */
function fallbacks(node: Node, source: string): Draft[] {
  if (node.type !== 'BinaryExpression' || textOf(node, 'operator') !== '??') return [];
  const [first, second] = node.children;
  if (first === undefined || second === undefined || !isSimple(second, source)) return [];
  // Of a chain, its last two.
  const before = isLogical(first) ? first.children.at(-1) : first;
  if (before === undefined) return [];
  return [
    {
      kind: 'fallback',
      node: before,
      what: `${quote(source, second)} before ${quote(source, before)}`,
      edits: [replaced(before, sourceOf(second, source)), replaced(second, sourceOf(before, source))],
    },
  ];
}

/** `slice`, `subarray` and `substring` with each bound one more and one less, and without the call. */
function cuts(node: Node, source: string): Draft[] {
  if (node.type !== 'CallExpression' || !CUTS.has(nameOf(node, source))) return [];
  const whole = childOf(childOf(node, 'callee'), 'object');
  const bounds = inRole(node, 'arguments');
  if (whole === undefined || bounds.length === 0) return [];
  const change = (bound: Node, by: number): Draft => ({
    kind: 'slice',
    node: bound,
    what: `${quote(source, node)}: ${quote(source, bound)} ${signed(by)}`,
    edits: [replaced(bound, `${sourceOf(bound, source)} ${signed(by)}`)],
  });
  return [
    ...bounds.flatMap((bound) =>
      // The one before the first is the last.
      sourceOf(bound, source) === '0' ? [change(bound, 1)] : [change(bound, 1), change(bound, -1)],
    ),
    {
      kind: 'slice',
      node,
      what: `${quote(source, node)} uncut`,
      edits: [replaced(node, sourceOf(whole, source))],
    },
  ];
}

/** A promise that is returned, named or passed over without waiting for it; a loop that does not wait. */
function awaits(node: Node, source: string): Draft[] {
  if (node.type === 'ForOfStatement') {
    const [head] = /^for await/.exec(sourceOf(node, source)) ?? [];
    if (head === undefined) return [];
    const edit = { start: node.start, end: node.start + head.length, text: 'for' };
    const what = `without await in for await (… of ${quote(source, childOf(node, 'right') ?? node)})`; // cspell:disable-line
    return [{ kind: 'await', node, what, edits: [edit] }];
  }
  const argument = childOf(node, 'argument');
  if (node.type !== 'AwaitExpression' || argument === undefined) return [];
  if (!['ExpressionStatement', 'ReturnStatement', 'VariableDeclarator'].includes(node.parent?.type ?? ''))
    return [];
  const edit = { start: node.start, end: argument.start, text: '' };
  return [{ kind: 'await', node, what: `without await before ${quote(source, argument)}`, edits: [edit] }];
}

/** `...a` left out of an object, a list or a call, and a member whose name is made at run time. */
function spreads(node: Node, source: string): Draft[] {
  const isComputed = node.type === 'KeyValueProperty' && childOf(node, 'key')?.type === 'Computed';
  const isMember = node.type === 'SpreadElement' || node.role === 'elements' || node.role === 'arguments';
  const dots = isMember ? (/\.\.\.\s*\(*$/.exec(source.slice(0, node.start))?.[0].length ?? 0) : 0;
  if (!isComputed && (dots === 0 || node.parent?.type === 'SpreadElement')) return [];
  return [
    {
      kind: 'spread',
      node,
      what: `without ${dots > 0 ? '...' : ''}${quote(source, node)} in ${quote(source, node.parent ?? node)}`,
      edits: [without(node, source, node.start - dots)],
    },
  ];
}

/** True of a number that is written down, and of a sum or product of such and of names in capitals. */
function isNumber(node: Node, source: string): boolean {
  switch (node.type) {
    case 'NumericLiteral':
      return true;
    case 'Identifier':
      return /^[A-Z][A-Z0-9_]*$/.test(sourceOf(node, source));
    case 'ParenthesisExpression':
      return node.children.every((child) => isNumber(child, source));
    case 'BinaryExpression':
      return (
        ARITHMETIC.has(textOf(node, 'operator') ?? '') &&
        node.children.every((child) => isNumber(child, source))
      );
    default:
      return false;
  }
}

/** True inside of an error, a log line, metrics, or a text. */
function isForPeople(node: Node, source: string): boolean {
  for (let one: Node | undefined = node; one !== undefined; one = one.parent) {
    if (FUNCTIONS.has(one.type)) return false;
    if (one.type === 'NewExpression' && calleeOf(one, source).endsWith('Error')) return true;
    if (one.type === 'CallExpression' && one !== node && FOR_PEOPLE.test(calleeOf(one, source))) return true;
    if (one.type === 'KeyValueProperty' && WORDS.has(keyOf(one, source))) return true;
    if (one.type === 'VariableDeclarator' && WORDS.has(sourceOf(childOf(one, 'id') ?? one, source)))
      return true;
  }
  return false;
}

/** What a value is used in: parentheses and types do not count. */
function around(node: Node): Node | undefined {
  let parent = node.parent;
  while (parent !== undefined && /^(?:Parenthesis|Ts)/.test(parent.type)) parent = parent.parent;
  return parent;
}

/** The expression, member or variable that a value is a part of: it tells which one of those alike. */
function expressionAround(node: Node): Node {
  return around(node) ?? node;
}

function isAtTop(declarator: Node): boolean {
  for (let one = declarator.parent; one !== undefined; one = one.parent) {
    if (FUNCTIONS.has(one.type)) return false;
  }
  return true;
}

function isNegative({ type, own }: Node): boolean {
  return type === 'UnaryExpression' && own.get('operator') === '-';
}

function isSimple(node: Node, source: string): boolean {
  if (!SIMPLE.has(node.type) || source.slice(0, node.start).endsWith('...')) return false;
  if (sourceOf(node, source) === 'undefined') return false;
  return /^[\w$.?[\]'"]+$/.test(sourceOf(node, source));
}

function calleeOf(call: Node, source: string): string {
  const callee = childOf(call, 'callee');
  return callee === undefined ? '' : sourceOf(callee, source);
}

/** The last name of what is called. */
function nameOf(call: Node, source: string): string {
  return /\w*$/.exec(calleeOf(call, source))?.[0] ?? '';
}

function signed(by: number): string {
  return by < 0 ? `- ${-by}` : `+ ${by}`;
}

function pairs(nodes: Node[]): [Node, Node][] {
  return nodes.slice(1).flatMap((second, index): [Node, Node][] => {
    const first = nodes[index];
    return first === undefined ? [] : [[first, second]];
  });
}
