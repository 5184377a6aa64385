/** The functions as a deploy would upload them, made and unpacked for a bench. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unzip } from './unzip.ts';

const ROOT = join(import.meta.dirname, '..');
/** What the package is made of. */
const SOURCES = /^(serverless\.yml|package\.json|tsconfig\.json|resources|functions|lib|esbuild.*)$/;

/**
 * Packages a copy of the service, so that neither its folder nor a second packaging is disturbed. Answers with the
 * folder that each function is unpacked in, and the bytes of its zip.
 */
export async function packageFunctions(
  directory: string,
): Promise<Map<string, { path: string; zipBytes: number }>> {
  const service = join(directory, 'service');
  await mkdir(service, { recursive: true });
  for (const name of await readdir(ROOT)) {
    if (SOURCES.test(name)) await cp(join(ROOT, name), join(service, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(service, 'node_modules'));
  const program = join(ROOT, 'node_modules/serverless/bin/serverless.js');
  await promisify(execFile)(process.execPath, [program, 'package', '--package', '../zips'], {
    cwd: service,
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      AWS_REGION: 'eu-central-1',
      SLS_TELEMETRY_DISABLED: '1',
      SLS_NOTIFICATIONS_MODE: 'off',
    },
  });
  const zips = (await readdir(join(directory, 'zips'))).filter((name) => name.endsWith('.zip'));
  return new Map(await Promise.all(zips.map((name) => unpack(directory, name))));
}

async function unpack(
  directory: string,
  name: string,
): Promise<[string, { path: string; zipBytes: number }]> {
  const key = name.slice(0, -'.zip'.length);
  const path = join(directory, 'unpacked', key);
  const zip = await readFile(join(directory, 'zips', name));
  for (const [file, content] of unzip(zip)) {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), content);
  }
  return [key, { path, zipBytes: zip.length }];
}
