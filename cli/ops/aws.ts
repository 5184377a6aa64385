/**
 * The AWS command line interface, for the few calls that only operators make. What it prints is taken as it is and never
 * shown: there may be a secret in it. No secret is among its arguments.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Asks the AWS command line interface, which operators have: SDK clients for these few calls would serve nothing else. */
export async function aws(args: string[]): Promise<unknown> {
  const region = process.env['AWS_REGION'];
  // Its first version does not know AWS_REGION.
  const where = region === undefined ? [] : ['--region', region];
  const asked = promisify(execFile)('aws', [...args, ...where, '--output', 'json'], { env: process.env });
  const { stdout } = await asked.catch((error: unknown) => {
    throw new Error(describeAws(args, error));
  });
  try {
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  } catch {
    // Node's own words would hold some of what was printed.
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
