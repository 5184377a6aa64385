/** Runs one of the command line programs as a user would: its own process, output piped. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { checkText } from './secrets.ts';

/** The secrets that a program shows to the owner of the files. */
const SHOWN: Record<string, string[]> = { 'cli/upload.ts': ['link'], 'cli/demo.ts': ['link'] };

/** Starts the program; `ended` resolves with its exit code and what it wrote. */
export function runCommandLine(program: string, args: string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const written = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = Promise.all([closed, written]).then(([[code], [stdout, stderr]]) => {
    checkText(program, `${stdout}\n${stderr}`, SHOWN[program]);
    return {
      code: Number(code),
      stdout: stdout.trimEnd().split('\n'),
      stderr: stderr.trimEnd().split('\n'),
    };
  });
  /** Resolves with the first words on standard error. */
  const firstError = () => once(child.stderr, 'data');
  return { ended, firstError, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}
