/** What a YAML file holds, parsed once for all test files of a run: for openapi.yaml that takes a fifth of a second. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { compileCache } from './compile-cache.ts';
import { sha256 } from './sha256.ts';

export function parsedYaml(text: string): unknown {
  const directory = compileCache();
  if (directory === undefined) return parse(text);
  const path = join(directory, `${sha256(Buffer.from(text))}.json`);
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  const value: unknown = parse(text);
  // Another worker may do the same at this moment.
  const own = `${path}.${process.pid}`;
  writeFileSync(own, JSON.stringify(value));
  renameSync(own, path);
  return value;
}
