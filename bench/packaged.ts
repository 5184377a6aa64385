/** The functions as a deploy would upload them, packaged and unpacked for a bench or a test. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { installTools } from '../tools/install.ts';
import { unzip } from './unzip.ts';

const ROOT = join(import.meta.dirname, '..');
/** All sources of the package; packaging must not need any other file. */
const SOURCES = [
  'serverless.yml',
  'tools/esbuild-plugins.mjs',
  'package.json',
  'tsconfig.json',
  'resources',
  'deploy',
  'functions',
  'lib',
];
/** The settings without which a deploy is refused. */
export const NEEDED_SETTINGS = { ISSUER_URL: 'https://login.example.com', PROJECTS_CLAIM: 'projects' };

/** Where a deploy would go, and what it is given beside the needed settings. */
export type PackageOptions = { region?: string; settings?: Record<string, string> };

/** A function's zip: where it is unpacked, what is in it, and its length. */
export type Packaged = { path: string; files: Map<string, Buffer>; zipBytes: number };

/**
 * Packages a copy of the service, so that its folder and a second packaging are left alone. Returns each package by the
 * key of its function; the zips lie in `zips` below the directory. The unpacked code finds neither the sources nor
 * node_modules.
 */
export async function packageFunctions(
  directory: string,
  { region = 'eu-central-1', settings = {} }: PackageOptions = {},
): Promise<Map<string, Packaged>> {
  installTools();
  const service = join(directory, 'service');
  await mkdir(service, { recursive: true });
  for (const source of SOURCES) await cp(join(ROOT, source), join(service, source), { recursive: true });
  for (const modules of ['node_modules', 'tools/node_modules'])
    await symlink(join(ROOT, modules), join(service, modules));
  const program = join(ROOT, 'tools/node_modules/serverless/bin/serverless.js');
  await promisify(execFile)(process.execPath, [program, 'package', '--package', '../zips'], {
    cwd: service,
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      AWS_REGION: region,
      ...NEEDED_SETTINGS,
      ...settings,
      SLS_TELEMETRY_DISABLED: '1',
      SLS_NOTIFICATIONS_MODE: 'off',
    },
  });
  await rm(service, { recursive: true });
  const zips = (await readdir(join(directory, 'zips'))).filter((name) => name.endsWith('.zip'));
  return new Map(
    await Promise.all(
      zips.map(async (name) => {
        const key = name.slice(0, -'.zip'.length);
        return [key, await unpack(join(directory, 'zips', name), join(directory, 'unpacked', key))] as const;
      }),
    ),
  );
}

async function unpack(zipPath: string, path: string): Promise<Packaged> {
  const zip = await readFile(zipPath);
  const files = unzip(zip);
  for (const [name, content] of files) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return { path, files, zipBytes: zip.length };
}
