/**
 * Runs the AWS command line interface, for the few calls that only operators make. Its output is never shown, since it
 * may contain a secret. Its arguments contain none.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fill, Trouble } from '../texts.ts';

/** Operators have the AWS command line interface: SDK clients would be packages for these few calls only. */
export async function aws(args: string[]): Promise<unknown> {
  const region = process.env['AWS_REGION'];
  // Version 1 of the interface ignores AWS_REGION.
  const where = region === undefined ? [] : ['--region', region];
  const asked = promisify(execFile)('aws', [...args, ...where, '--output', 'json'], { env: process.env });
  const { stdout } = await asked.catch((error: unknown) => {
    throw describeAws(args, error);
  });
  try {
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  } catch {
    // Node's own message would quote the output.
    throw new Trouble(({ ops }) => fill(ops.aws.noJson, { call: nameOf(args) }));
  }
}

function describeAws(args: string[], error: unknown): Trouble {
  if (!(error instanceof Error)) {
    return new Trouble(({ ops }) => fill(ops.aws.failed, { reason: String(error) }));
  }
  if ('code' in error && error.code === 'ENOENT') {
    return new Trouble(({ ops }) => ops.aws.missing);
  }
  const words = 'stderr' in error ? String(error.stderr).trim().split('\n').at(-1) : undefined;
  const reason = words || error.message;
  return new Trouble(({ ops }) => fill(ops.aws.callFailed, { call: nameOf(args), reason }));
}

function nameOf(args: string[]): string {
  return args.slice(0, 2).join(' ');
}
