/**
 * Serverless variables: replaces `${env:X, 'default'}` and similar ones in a parsed YAML document.
 * Owns the subset that this service uses and refuses the rest by name. Never touches CloudFormation's own
 * placeholders (`${AWS::Region}`, `${Queue.Arn}`): those are for intrinsics.ts.
 * https://www.serverless.com/framework/docs/guides/variables
 */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export interface VariableSources {
  env: Record<string, string | undefined>;
  options: Record<string, string>;
  parameters?: Record<string, Json>;
  readFile: (path: string) => Json;
}

/** `${source:` or `${file(`; a placeholder with a double colon, or with none, belongs to CloudFormation. */
const VARIABLE = /\$\{(?=[a-z]\w*(?:\(|:(?!:)))([^{}]*)\}/g;
const START = /\$\{[a-z]\w*(?:\(|:(?!:))/g;
const REFERENCE = /^(?<source>[a-z]\w*)(?:\((?<file>[^)]*)\))?(?::(?<address>.*))?$/;
const LITERAL =
  /^(?:'(?<single>[^']*)'|"(?<double>[^"]*)"|(?<number>-?\d+(?:\.\d+)?)|(?<word>true|false|null))$/;
/** A comma outside quoted text. */
const ALTERNATIVE = /,(?=(?:[^'"]|'[^']*'|"[^"]*")*$)/;

/** Returns the document with every variable replaced; throws an error that names the place of one it cannot resolve. */
export function resolveVariables(document: Json, sources: VariableSources): Json {
  const open = new Set<string>();

  function resolve(value: Json, place: string): Json {
    if (typeof value === 'string') return resolveText(value, place);
    if (Array.isArray(value)) return value.map((item, index) => resolve(item, `${place}[${index}]`));
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([key, item]) => [key, resolve(item, place === '' ? key : `${place}.${key}`)]),
    );
  }

  function resolveText(text: string, place: string): Json {
    const matches = [...text.matchAll(VARIABLE)];
    if ((text.match(START)?.length ?? 0) !== matches.length) {
      throw new Error(`${place}: variables inside variables are not supported: ${text}`);
    }
    const [first] = matches;
    if (first === undefined) return text;
    if (first[0] === text) return evaluate(first[1] ?? '', place);
    return text.replace(VARIABLE, (_whole, expression: string) => {
      const value = evaluate(expression, place);
      if (value !== null && typeof value === 'object') {
        throw new Error(`${place}: \${${expression}} is not a text and cannot be part of one`);
      }
      return String(value);
    });
  }

  function evaluate(expression: string, place: string): Json {
    const key = `${place}|${expression}`;
    if (open.has(key)) throw new Error(`${place}: \${${expression}} refers to itself`);
    open.add(key);
    try {
      for (const alternative of expression.split(ALTERNATIVE)) {
        const value = read(alternative.trim(), place);
        if (value !== undefined) return value;
      }
    } finally {
      open.delete(key);
    }
    throw new Error(`${place}: \${${expression}} has no value and no default`);
  }

  function read(reference: string, place: string): Json | undefined {
    const literal = LITERAL.exec(reference)?.groups;
    if (literal !== undefined) return readLiteral(literal);
    const parts = REFERENCE.exec(reference)?.groups;
    const address = parts?.['address'] ?? '';
    switch (parts?.['source']) {
      case 'env':
        return sources.env[address];
      case 'opt':
        return sources.options[address];
      case 'sls':
        return address === 'stage' ? sources.options['stage'] : unknown(reference, place);
      case 'param':
        return sources.parameters?.[address];
      case 'self':
        return walk(document, address, place);
      case 'file':
        return walk(sources.readFile(parts['file'] ?? ''), address, place);
      default:
        return unknown(reference, place);
    }
  }

  /** Variables on the way are resolved too: `self:provider.stage` may itself be one. */
  function walk(root: Json, address: string, place: string): Json | undefined {
    let current: Json | undefined = root;
    for (const key of address === '' ? [] : address.split('.')) {
      if (typeof current === 'string') current = resolveText(current, place);
      if (current === null || typeof current !== 'object' || Array.isArray(current)) return undefined;
      current = current[key];
      if (current === undefined) return undefined;
    }
    return resolve(current, place);
  }

  return resolve(document, '');
}

function readLiteral(groups: Record<string, string | undefined>): Json {
  if (groups['number'] !== undefined) return Number(groups['number']);
  if (groups['word'] !== undefined) return groups['word'] === 'null' ? null : groups['word'] === 'true';
  return groups['single'] ?? groups['double'] ?? '';
}

function unknown(reference: string, place: string): never {
  throw new Error(`${place}: the embedded stack does not know the variable "${reference}"`);
}
