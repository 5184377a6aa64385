/**
 * Keys for the parts of one stack, new at every start: keys that are the same on every machine would be known to every
 * web page that its developer visits. Each begins with a mark, by which tests find it where no secret may be.
 */
import { randomBytes } from 'node:crypto';

export type AwsKey = { accessKeyId: string; secretAccessKey: string };

export type IpdCredentials = ReturnType<typeof makeIpdCredentials>;

/** A key that only the parts know that are told of it. */
export function makeAwsKey(accessKeyId = 'local'): AwsKey {
  return { accessKeyId, secretAccessKey: `local-secret-${makeRandom()}` };
}

/** An access key and a user that only the fake IPD knows that is told of them. */
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
