/**
 * The packages that only checks, generators and deploys need are in tools/package.json, with a lockfile of its own, so
 * that a newcomer's `npm ci` does not load them. What needs them calls `installTools` first.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LOCKFILE = join(import.meta.dirname, 'package-lock.json');
/** A copy of the lockfile that was installed. */
const INSTALLED = join(import.meta.dirname, 'node_modules/.installed.json');

/** Does nothing where they are installed as the lockfile says. */
export function installTools(): void {
  const wanted = readFileSync(LOCKFILE, 'utf8');
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === wanted) return;
  console.error('The tools of checks and deploys (tools/package.json) are installed, once.');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: import.meta.dirname,
    // On Windows, npm is a script of the shell.
    shell: process.platform === 'win32',
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error('npm ci in tools/ failed');
  writeFileSync(INSTALLED, wanted);
}
