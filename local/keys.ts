/**
 * Keys for the parts of one stack, new at every start: any web page that the developer visits could know keys that are
 * the same on every machine. Only the key of links is kept, since links in the fake IPD are. Each secret begins with a
 * fixed prefix, so that tests find it where no secret may be.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateDirectory, writePrivateFile } from './private.ts';

export type AwsKey = { accessKeyId: string; secretAccessKey: string };

export type IpdCredentials = ReturnType<typeof makeIpdCredentials>;

/** A new key, which only the parts have that get it. */
export function makeAwsKey(accessKeyId = 'local'): AwsKey {
  return { accessKeyId, secretAccessKey: `local-secret-${makeRandom()}` };
}

/** A new access key and user, which only the fake IPD has. */
export function makeIpdCredentials() {
  return {
    accessKey: 'LOCALACCESSKEY',
    secretKey: `local-secret-key-${makeRandom()}`,
    domain: 'local-domain',
    username: 'local-user',
    password: `local-password-${makeRandom()}`,
  };
}

/** The key that the secrets of links are made with (LINK_KEY): made once, and then read from the directory. */
export async function keepLinkKey(directory: string): Promise<string> {
  const path = join(directory, 'link-key');
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return kept;

  const key = `local-link-key-${makeRandom()}`;
  await makePrivateDirectory(directory);
  await writePrivateFile(path, key);
  return key;
}

function makeRandom(): string {
  return randomBytes(20).toString('hex');
}
