/**
 * Finds the deployment that an operator means, and opens the services to work on it. The settings are those of its
 * functions: they name the table, the bucket and the queue. Secrets stay references.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import { readConfig } from '../../lib/runtime/config.ts';
import type { Config } from '../../lib/runtime/config.ts';
import { buildServices, createDocuments } from '../../lib/services.ts';
import type { Telemetry } from '../../lib/runtime/telemetry.ts';
import { localDirectory } from '../local-stack.ts';
import { aws } from './aws.ts';
import { fill, texts, Trouble } from '../texts.ts';
import type { Phrase } from '../texts.ts';
import type { Texts } from '../texts/en.ts';
import { describeError } from '../transfer.ts';
import type { Values } from './terms.ts';

type Settings = Record<string, string | undefined>;

export type Opened = Awaited<ReturnType<typeof openServices>>;

export const SERVICE = 'ipd-attachment-bridge';

/** Commands tell the operator and the record what they do. No log group reads their output: no telemetry. */
const silent: Telemetry = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  addMetrics: () => undefined,
};

const settingsFile = z.record(z.string(), z.string());

/** Sets the profile and the region in the environment, where the SDK and the AWS command line interface read them. */
export function useAccount({ profile, region }: Values): void {
  if (profile !== undefined) process.env['AWS_PROFILE'] = profile;
  if (region !== undefined) process.env['AWS_REGION'] = region;
}

/** The services of the deployment that the options name, with the settings of one of its functions. */
export async function openServices(values: Values, functionKey = 'uploads') {
  const config = await findConfig(values, functionKey);
  const documents = createDocuments();
  return { ...buildServices(config, { documents, telemetry: silent }), documents };
}

/** The settings that the deployment's API, or another of its functions, runs with. */
export async function findConfig(values: Values, functionKey = 'uploads'): Promise<Config> {
  return readConfigFor(await findSettings(values, functionKey));
}

/** How the deployment reaches IPD. A tenant can be probed before a first deploy, so no other setting is needed. */
export async function findIpd(values: Values): Promise<Config['ipd']> {
  const nothing = { STAGING_BUCKET: '-', UPLOADS_TABLE: '-', DELIVERY_QUEUE_URL: 'https://sqs.invalid/-' };
  const own = Object.entries(process.env).filter(([name]) => name.startsWith('IPD_'));
  const settings = { ...nothing, ...(await findSettings(values, 'deliver')), ...Object.fromEntries(own) };
  return readConfigFor(settings).ipd;
}

/** The address of a stage's API, from the outputs of its stack. */
export async function findApi(stage: string): Promise<string> {
  const query = "Stacks[0].Outputs[?OutputKey=='HttpApiUrl'].OutputValue | [0]";
  const name = `${SERVICE}-${stage}`;
  const answer = await aws(['cloudformation', 'describe-stacks', '--stack-name', name, '--query', query]);
  const { data } = z.url().safeParse(answer);
  if (data === undefined) throw new Trouble(({ place }) => fill(place.noApi, { name }));
  return data;
}

/** One or two lines for people: what went wrong, and what to do if that is clear. Never a stack trace. */
export function describeTrouble(error: unknown, language: Texts = texts): string {
  const words = error instanceof z.ZodError ? z.prettifyError(error) : describeError(error, language);
  const hint = hintFor(error) ?? (/^Region (is missing|not accepted)/.test(words) ? NO_REGION : undefined);
  return hint === undefined ? words : `${words}\n${hint(language)}`;
}

/** The settings that name a deployment. */
const PLACE = ['STAGING_BUCKET', 'UPLOADS_TABLE', 'DELIVERY_QUEUE_URL'];

const SIGN_IN: Phrase = ({ place }) => place.signIn;

const NO_REGION: Phrase = ({ place }) => place.noRegion;

/** By the names of the SDK's errors, which the bridge's adapters throw as causes of their own. */
const HINTS: Record<string, Phrase> = {
  CredentialsProviderError: SIGN_IN,
  ExpiredTokenException: SIGN_IN,
  UnrecognizedClientException: SIGN_IN,
  InvalidClientTokenId: SIGN_IN,
  ResourceNotFoundException: ({ place }) => place.noTable,
  QueueDoesNotExist: ({ place }) => place.noQueue,
};

function hintFor(error: unknown): Phrase | undefined {
  return error instanceof Error ? (HINTS[error.name] ?? hintFor(error.cause)) : undefined;
}

/** The settings of one function of the deployment: not every function has every setting. */
async function findSettings(values: Values, functionKey: string): Promise<Settings> {
  const { local, stage, settings: file } = values;
  if (local === true) return findLocal();
  if (file !== undefined) return readSettings(file);
  if (stage === undefined) return process.env;
  const name = `${SERVICE}-${stage}-${functionKey}`;
  const query = 'Environment.Variables';
  const command = ['lambda', 'get-function-configuration', '--function-name', name, '--query', query];
  const answer = await aws(command).catch((cause: unknown) => {
    if (!describeError(cause).includes('ResourceNotFoundException')) throw cause;
    const region = process.env['AWS_REGION'];
    throw new Trouble(({ place }) =>
      fill(place.noDeployment, { stage, where: region ?? place.profileRegion, name }),
    );
  });
  return settingsFile.parse(answer);
}

async function findLocal(): Promise<Settings> {
  const directory = localDirectory();
  const text = await readFile(join(directory, 'keys.env'), 'utf8').catch(() => undefined);
  if (text === undefined) throw new Trouble(({ stack }) => stack.none);
  const { IPD_CREDENTIALS, ...surroundings } = parseEnv(text);
  await fetch(surroundings['AWS_ENDPOINT_URL_DYNAMODB'] ?? '').catch((cause: unknown) => {
    throw new Trouble(({ stack }) => fill(stack.stopped, { directory }), { cause });
  });
  const settings = await readSettings(join(directory, 'settings.json'));
  // The SDK prefers a profile to keys, and the local stack does not know the profile's keys.
  delete process.env['AWS_PROFILE'];
  Object.assign(process.env, surroundings);
  return { IPD_CREDENTIALS, ...settings };
}

async function readSettings(path: string): Promise<Settings> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Trouble(({ place }) => fill(place.unreadable, { path }), { cause });
  });
  try {
    return settingsFile.parse(JSON.parse(text));
  } catch (cause) {
    throw new Trouble(({ place }) => fill(place.noSettings, { path }), { cause });
  }
}

/** The commands do not check who may upload, so IPD_PROJECTS need not be set. */
function readConfigFor(settings: Settings): Config {
  if (PLACE.every((name) => !settings[name])) {
    throw new Trouble(({ place, separators }) =>
      fill(place.notNamed, { names: PLACE.join(separators.members) }),
    );
  }
  try {
    return readConfig({ IPD_PROJECTS: '*', ...settings });
  } catch (cause) {
    throw new Trouble((words) => fill(words.place.wrongSettings, { reason: describeError(cause, words) }), {
      cause,
    });
  }
}
