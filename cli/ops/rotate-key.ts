/**
 * `npm run ops -- rotate-key`: replaces a key without breaking work under way, and tells when no function uses the old
 * key any more. A secret comes from a file or from standard input, never from the command line, and is never printed.
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { readCredentials, readSigningCredentials } from '../../lib/runtime/config.ts';
import { aws } from './aws.ts';
import { findConfig, findIpd, SERVICE } from './place.ts';
import { openSecret } from './secret-store.ts';
import type { SecretStore } from './secret-store.ts';
import { openTenant } from './tenant.ts';
import type { Given, Say, Task, Values } from './terms.ts';
import { MINUTE_MS } from '../../lib/domain/units.ts';
import { fill, texts, Trouble } from '../texts.ts';
import { en } from '../texts/en.ts';

type Work = { values: Values; stage: string; say: Say; signal: AbortSignal };

const KEYS = new Set(['ipd', 'signing']);
/** Functions that use the key, and how long a run may still use the old one. */
const HOLDERS = {
  ipd: { functions: ['uploads', 'uppy', 'deliver'], longestRunMs: 300_000 },
  signing: { functions: ['uploads', 'uppy'], longestRunMs: 30_000 },
};

const credentials = z.strictObject({
  accessKey: z.string().min(1).optional(),
  secretKey: z.string().min(1).optional(),
  securityToken: z.string().min(1).optional(),
  domain: z.string().min(1).optional(),
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
});
/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyMetadata.html */
const listed = z.array(z.object({ AccessKeyId: z.string(), CreateDate: z.coerce.date() }));
const created = z.object({ AccessKeyId: z.string(), SecretAccessKey: z.string() });

type Key = z.infer<typeof listed>[number];

export const rotateKey: Task = {
  takes: ['ID', 'from', 'check', 'project', 'issue'],
  check,

  async run({ values, names: [which], say, signal }) {
    const work = { values, stage: values.stage ?? '', say, signal };
    if (which === 'signing') return rotateSigning(work);
    return values.check ? checkIpd(work) : rotateIpd(work);
  },
};

function check({ values, names }: Given): void {
  const [which = '', ...more] = names;
  if (!KEYS.has(which) || more.length > 0) throw new Error(texts.ops.wrong.nameKey);
  if (values.stage === undefined) throw new Error(texts.ops.wrong.keyNeedsStage);
  if ((values.project === undefined) !== (values.issue === undefined)) {
    throw new Error(texts.ops.wrong.itemIsPair);
  }
  const unfit = (['from', 'check', 'project'] as const).find((name) => values[name] !== undefined);
  if (which === 'signing' && unfit !== undefined) {
    throw new Error(fill(texts.ops.wrong.takesNoOption, { command: which, option: unfit }));
  }
  if (values.check && values.from !== undefined) throw new Error(texts.ops.wrong.checkWritesNothing);
}

/** Given fields replace stored ones, so a key can change without the password, and the password without the key. */
async function rotateIpd({ values, stage, say, signal }: Work) {
  const ipd = await findIpd(values);
  const secret = openSecret('IPD_CREDENTIALS', ipd.credentials);
  const given = readGiven(await readInput(values.from, say));
  const before = (await secret.read())?.value;
  const json = merge(before, given);
  if (values.project !== undefined && values.issue !== undefined) {
    const item = { projectId: values.project, issueId: values.issue };
    const source = { ...ipd, credentials: { kind: 'inline', text: json } as const };
    await (await openTenant(source, { item, signal })).list();
    say(texts.ops.rotateKey.listed);
  }
  const where = await secret.write(json);
  say(fill(texts.ops.rotateKey.stored, { where: where(texts) }));
  say(fill(texts.ops.rotateKey.oldInUse, { deploy: sayDeploy(stage) }));
  say(fill(texts.ops.rotateKey.thenCheck, { stage }));
  return { well: true, answer: { stored: where(en) } };
}

async function checkIpd({ values, stage, say }: Work) {
  const { credentials: source } = await findIpd(values);
  const stored = await openSecret('IPD_CREDENTIALS', source).read();
  if (stored === undefined) throw new Trouble(({ ops }) => ops.rotateKey.noValue);
  const fit = await findFreedom('ipd', { stage, since: stored.since });
  const isFree = fit !== undefined && fit <= Date.now();
  if (isFree) say(texts.ops.rotateKey.isFree);
  else if (fit === undefined) say(fill(texts.ops.rotateKey.notYet, { deploy: sayDeploy(stage) }));
  else say(fill(texts.ops.rotateKey.notBefore, { at: iso(fit) }));
  return { well: isFree, answer: { isFree, notBefore: fit === undefined ? undefined : iso(fit) } };
}

/**
 * The first call makes a second key and stores it; a later call deletes the first key, once all URLs that it signed
 * have expired. If a call died before it stored its key, the next call deletes that key and makes another.
 */
async function rotateSigning({ values, stage, say }: Work) {
  const config = await findConfig(values);
  const secret = openSecret('SIGNING_CREDENTIALS', config.signer.credentials);
  const user = await findUser(stage);
  const keys = await listKeys(user);
  const stored = await secret.read();
  const currentId = stored && readSigningCredentials(stored.value).accessKeyId;
  const current = keys.find(({ AccessKeyId }) => AccessKeyId === currentId);
  const [other, ...more] = keys.filter((key) => key !== current);
  if (current === undefined || other === undefined) {
    if (more.length > 0) {
      throw new Trouble(({ ops }) =>
        fill(ops.rotateKey.twoKeys, { user, current: currentId ?? ops.rotateKey.none }),
      );
    }
    return addKey({ user, secret, stage, say, urlLifeMs: config.stagingUrlTtlSeconds * 1000 });
  }
  if (other.CreateDate > current.CreateDate) {
    say(fill(texts.ops.rotateKey.unfinished, { key: other.AccessKeyId }));
    await deleteKey(user, other);
    return addKey({ user, secret, stage, say, urlLifeMs: config.stagingUrlTtlSeconds * 1000 });
  }
  const fit = await findFreedom('signing', { stage, since: current.CreateDate.getTime() });
  const notBefore = fit === undefined ? undefined : fit + config.stagingUrlTtlSeconds * 1000;
  const old = other.AccessKeyId;
  if (notBefore === undefined || notBefore > Date.now()) {
    say(
      notBefore === undefined
        ? fill(texts.ops.rotateKey.oldStays, { key: old, deploy: sayDeploy(stage) })
        : fill(texts.ops.rotateKey.oldStaysUntil, { key: old, at: iso(notBefore) }),
    );
    return { well: false, answer: { old, notBefore: notBefore === undefined ? undefined : iso(notBefore) } };
  }
  await deleteKey(user, other);
  say(fill(texts.ops.rotateKey.oldDeleted, { old, current: current.AccessKeyId }));
  return { well: true, answer: { deleted: old } };
}

async function addKey({
  user,
  secret,
  stage,
  say,
  urlLifeMs,
}: {
  user: string;
  secret: SecretStore;
  stage: string;
  say: Say;
  urlLifeMs: number;
}) {
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = created.parse(
    await aws(['iam', 'create-access-key', '--user-name', user, '--query', 'AccessKey']),
  );
  const where = await secret.write(JSON.stringify({ accessKeyId, secretAccessKey }));
  say(fill(texts.ops.rotateKey.made, { key: accessKeyId, where: where(texts) }));
  say(fill(texts.ops.rotateKey.signWithOld, { deploy: sayDeploy(stage) }));
  say(fill(texts.ops.rotateKey.thenDelete, { minutes: urlLifeMs / MINUTE_MS }));
  return { well: true, answer: { added: accessKeyId, stored: where(en) } };
}

/**
 * The time from which no run can use the key that was current before `since`. Undefined while a function has not been
 * deployed after `since`.
 */
async function findFreedom(
  which: keyof typeof HOLDERS,
  { stage, since }: { stage: string; since: number },
): Promise<number | undefined> {
  const { functions, longestRunMs } = HOLDERS[which];
  const deployed = await Promise.all(functions.map((name) => findDeployed(stage, name)));
  const oldest = Math.min(...deployed);
  return oldest > since ? Math.max(...deployed) + longestRunMs : undefined;
}

async function findDeployed(stage: string, name: string): Promise<number> {
  const functionName = `${SERVICE}-${stage}-${name}`;
  const command = ['lambda', 'get-function-configuration', '--function-name', functionName];
  return Date.parse(z.string().parse(await aws([...command, '--query', 'LastModified'])));
}

async function findUser(stage: string): Promise<string> {
  const resource = ['--stack-name', `${SERVICE}-${stage}`, '--logical-resource-id', 'SigningUser'];
  const query = ['--query', 'StackResourceDetail.PhysicalResourceId'];
  return z.string().parse(await aws(['cloudformation', 'describe-stack-resource', ...resource, ...query]));
}

async function listKeys(user: string): Promise<Key[]> {
  const command = ['iam', 'list-access-keys', '--user-name', user, '--query', 'AccessKeyMetadata'];
  return listed.parse(await aws(command));
}

async function deleteKey(user: string, { AccessKeyId }: Key): Promise<void> {
  await aws(['iam', 'delete-access-key', '--user-name', user, '--access-key-id', AccessKeyId]);
}

async function readInput(path: string | undefined, say: Say): Promise<string> {
  if (path === undefined) {
    if (process.stdin.isTTY) say(texts.ops.rotateKey.paste);
    return text(process.stdin);
  }
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Trouble(({ place }) => fill(place.unreadable, { path }), { cause });
  });
}

/** Its errors name the fields at fault, never a value. */
function readGiven(json: string) {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Trouble(({ ops }) => ops.rotateKey.notJson);
  }
  const parsed = credentials.safeParse(value);
  if (!parsed.success) {
    const words = parsed.error.issues.map((issue) =>
      [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
    );
    throw new Trouble(({ ops, separators }) =>
      fill(ops.rotateKey.notFit, { faults: words.join(separators.clauses) }),
    );
  }
  return parsed.data;
}

function merge(before: string | undefined, given: z.infer<typeof credentials>): string {
  const kept = readStored(before);
  if (Object.entries(given).every(([name, value]) => kept[name] === value)) {
    throw new Trouble(({ ops }) => ops.rotateKey.storedAlready);
  }
  // A security token belongs to its access key.
  const { securityToken, ...others } = kept;
  const json = JSON.stringify({
    ...(given.accessKey === undefined && { securityToken }),
    ...others,
    ...given,
  });
  readCredentials(json);
  return json;
}

/** Empty when no stored field can be kept. */
function readStored(json: string | undefined): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(json ?? '{}'));
  } catch {
    return {};
  }
}

function sayDeploy(stage: string): string {
  return fill(texts.ops.rotateKey.deploy, { stage });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
