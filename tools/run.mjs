/**
 * Runs a program of this repository: `node tools/run.mjs FILE [arguments]`. It is plain JavaScript, so that an older
 * Node, which cannot read TypeScript, can print which version is needed.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `Node ${process.versions.node} is too old: this needs Node 22.18 or later (24 is best, see .nvmrc).\n`,
  );
  process.exit(1);
}

// TypeScript, and ES modules in jest, are experimental features: Node warns about each at every start. Processes that
// this one forks inherit the flag.
process.execArgv.push('--disable-warning=ExperimentalWarning');
const emitWarning = process.emitWarning.bind(process);
process.emitWarning = (warning, ...options) => {
  const [type] = options;
  if (type !== 'ExperimentalWarning' && type?.type !== 'ExperimentalWarning')
    emitWarning(warning, ...options);
};

const [, , file = ''] = process.argv;
process.argv.splice(1, 2, resolve(file));
await import(pathToFileURL(resolve(file)).href);
