/**
 * `npm start`: runs the embedded stack until SIGINT or SIGTERM. Prints the address of each part and, last, `ready`.
 * While the stack runs, `.local/stack.json` holds the addresses and where producers put objects, and `.local/keys.env`
 * the addresses and keys for the operator's programs. `.local/settings.json` holds the functions' settings,
 * `.local/logs` their logs.
 */
import { appendFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { LogLine } from './gateway/runner.ts';
import { makePrivateDirectory, writePrivateFile } from './private.ts';
import { reachOf, toEnvFile } from './settings.ts';
import { startStack } from './stack.ts';

const dataDirectory = resolve(
  process.env['LOCAL_DATA_DIRECTORY'] || join(import.meta.dirname, '..', '.local'),
);
/** Another directory with a serverless.yml, for tests. */
const [, , serviceDirectory] = process.argv;
/** A command in another terminal needs the same variable to find this stack. */
const { LOCAL_DATA_DIRECTORY } = process.env;
const prefix = LOCAL_DATA_DIRECTORY ? `LOCAL_DATA_DIRECTORY=${dataDirectory} ` : '';
const stackFile = join(dataDirectory, 'stack.json');
const keysFile = join(dataDirectory, 'keys.env');
const settingsFile = join(dataDirectory, 'settings.json');

/** Writes one file for each function; lines from stderr and lines that report an error also go to the terminal. */
function createLog(directory: string, isReady: () => boolean): (line: LogLine) => void {
  return ({ functionKey, stream, line }) => {
    // Synchronous, so that nothing is lost when the stack is stopped.
    appendFileSync(join(directory, `${functionKey}.log`), `${line}\n`);
    if (isReady() && (stream === 'stderr' || line.includes('"level":"ERROR"'))) {
      process.stderr.write(`${functionKey}: ${line}\n`);
    }
  };
}

async function main(): Promise<void> {
  const signal = Promise.withResolvers<void>();
  process.once('SIGINT', () => signal.resolve());
  process.once('SIGTERM', () => signal.resolve());

  const logDirectory = await makePrivateDirectory(join(dataDirectory, 'logs'));
  await refuseSecondStack();
  let isReady = false;
  const stack = await startStack({
    ports: 'default',
    dataDirectory,
    onLog: createLog(logDirectory, () => isReady),
    ...(serviceDirectory === undefined ? {} : { serviceDirectory }),
  });
  // Runs the first sweep, which fails when a setting is wrong.
  await stack.fireSchedules().catch(async (error: unknown) => {
    await stack.stop();
    throw error;
  });
  await writePrivateFile(settingsFile, `${JSON.stringify(stack.settings, null, 2)}\n`);
  await writePrivateFile(keysFile, toEnvFile(stack.operatorEnvironment));
  await writePrivateFile(stackFile, `${JSON.stringify({ ...stack.urls, ...stack.ingestion }, null, 2)}\n`);
  for (const [name, url] of Object.entries(stack.urls)) console.log(`${name.padEnd(12)} ${url}`);
  console.log(`${prefix}npm run upload -- FILE… sends a file here`);
  console.log(`${prefix}npm run drop -- FILE… puts one as a producer does`);
  console.log(`${'page'.padEnd(12)} ${stack.urls.apiUrl}/`);
  // It uploads by stock Uppy, which can send no token.
  if (process.env['PUBLIC_ROUTES'] !== 'off')
    console.log(`${'test bench'.padEnd(12)} ${stack.urls.apiUrl}/bench`);
  warnOfNetwork();
  console.log('ready');
  isReady = true;
  // So the first request need not wait for a function to start; an earlier request starts it.
  void stack.warm();

  await signal.promise;
  await Promise.all([stackFile, keysFile].map((path) => rm(path, { force: true })));
  await stack.stop();
}

function warnOfNetwork(): void {
  const { bind } = reachOf(process.env);
  if (bind === '127.0.0.1') return;
  process.stderr.write(
    `WARNING: HOST=${bind} opens the stack to all networks of this machine: anyone there can get tokens for any user, upload, and read all files\n`,
  );
}

/** Two stacks on one directory would mix their data. */
async function refuseSecondStack(): Promise<void> {
  const text = await readFile(stackFile, 'utf8').catch(() => undefined);
  const urls: unknown = text === undefined ? undefined : JSON.parse(text);
  const isNamed = typeof urls === 'object' && urls !== null && 'apiUrl' in urls;
  // It listens on loopback, too, and this machine may not reach its public host.
  const port = isNamed ? URL.parse(String(urls.apiUrl))?.port : undefined;
  if (port === undefined || !(await fetch(`http://127.0.0.1:${port}`).catch(() => false))) return;
  throw new Error(
    `A stack is running on ${dataDirectory} already; stop it, or set LOCAL_DATA_DIRECTORY to another directory`,
  );
}

/** The error without the stack trace of a function, which does not help the user here. */
function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\n\s+at .*/s, '').replace(/^Error: /, '');
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(1);
  },
);
