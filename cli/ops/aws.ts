/**
 * Runs the AWS command line interface, for the few calls that only operators make. Its output is never shown, since it
 * may contain a secret. Its arguments contain none.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Operators have the AWS command line interface: SDK clients would be packages for these few calls only. */
export async function aws(args: string[]): Promise<unknown> {
  const region = process.env['AWS_REGION'];
  // Version 1 of the interface ignores AWS_REGION.
  const where = region === undefined ? [] : ['--region', region];
  const asked = promisify(execFile)('aws', [...args, ...where, '--output', 'json'], { env: process.env });
  const { stdout } = await asked.catch((error: unknown) => {
    throw new Error(describeAws(args, error));
  });
  try {
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  } catch {
    // Node's own message would quote the output.
    throw new Error(`aws ${args.slice(0, 2).join(' ')} printed no JSON`);
  }
}

function describeAws(args: string[], error: unknown): string {
  if (!(error instanceof Error)) return `aws failed: ${String(error)}`;
  if ('code' in error && error.code === 'ENOENT') {
    return '--stage needs the AWS command line interface (aws); or give --settings, and smoke --api';
  }
  const words = 'stderr' in error ? String(error.stderr).trim().split('\n').at(-1) : undefined;
  return `aws ${args.slice(0, 2).join(' ')} failed: ${words || error.message}`;
}
