/** Keys for parts that a test starts itself: the same in every run, with the words by which leaks are found. */
const digits = '0123456789'.repeat(4);

export const awsKey = { accessKeyId: 'local', secretAccessKey: `local-secret-${digits}` };

/** A second pair that storage knows. */
export const signingKeys = { accessKeyId: 'local-signer', secretAccessKey: 'signer-secret' };

/** What the fake IPD takes. */
export const ipdCredentials = {
  accessKey: 'LOCALACCESSKEY',
  secretKey: `local-secret-key-${digits}`,
  domain: 'local-domain',
  username: 'local-user',
  password: `local-password-${digits}`,
};
