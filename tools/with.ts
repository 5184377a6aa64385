/** `node tools/run.mjs tools/with.ts COMMAND [arguments]`: runs a command of tools/package.json, which it installs first. */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { installTools } from './install.ts';

installTools();
const [, , command = '', ...args] = process.argv;
const bin = join(import.meta.dirname, 'node_modules/.bin');
const child = spawn(command, args, {
  env: { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` },
  // On Windows, these commands are scripts of the shell.
  shell: process.platform === 'win32',
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.once('error', (error) => {
  console.error(`${command}: ${error.message}`);
  process.exitCode = 127;
});
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
});
