/**
 * Keys for the parts of one stack, new at every start: any web page that the developer visits could know keys that are
 * the same on every machine. Each secret begins with a fixed prefix, so that tests find it where no secret may be.
 */
import { randomBytes } from 'node:crypto';

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

function makeRandom(): string {
  return randomBytes(20).toString('hex');
}
