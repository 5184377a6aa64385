import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startFakeIpd } from '../../../local/ipd/server.ts';
import { ipdCredentials } from '../../support/local-keys.ts';
import { operate } from '../../support/operator.ts';
import { issueId, projectId } from '../../support/world.ts';

type FakeIpd = Awaited<ReturnType<typeof startFakeIpd>>;
type Settings = Omit<Parameters<typeof startFakeIpd>[0], 'port' | 'credentials'>;

let ipd: FakeIpd;
let environment: NodeJS.ProcessEnv;

beforeEach(() => {
  environment = { ...process.env };
});
afterEach(async () => {
  process.env = environment;
  await ipd.close();
});

/** A tenant with these limits, and its credentials in the environment as an operator would have them. */
async function start(settings: Settings): Promise<void> {
  ipd = await startFakeIpd({ port: 0, credentials: ipdCredentials, ...settings });
  Object.assign(process.env, {
    IPD_ENDPOINT: ipd.url,
    IPD_IAM_ENDPOINT: ipd.url,
    IPD_CREDENTIALS: JSON.stringify(ipdCredentials),
  });
}

const probe = (...args: string[]) =>
  operate('probe', '--project', projectId, '--issue', issueId, '--yes', '--quiet-seconds', '1', ...args);

describe('npm run ops -- probe', () => {
  it('finds the odd limits of a tenant and prints them, and the settings that follow', async () => {
    await start({
      maxFileBytes: 123_456,
      maxSignedBodyBytes: 60_000,
      maxNameLength: 256,
      rejectEmoji: true,
      refusesChunked: true,
      bodyTimeoutSeconds: 3,
      uploadResult: 'null',
      listDelaySeconds: 0.5,
    });

    const { well, said, answer } = await probe(
      '--sizes',
      '50000,100000,200000',
      '--refine',
      '10',
      '--rate-seconds',
      '1',
      '--slow-seconds',
      '5',
    );

    expect(well).toBe(true);
    expect(said).toEqual(
      expect.arrayContaining([
        'id in the answer: no, so each delivery looks it up; fields: none',
        expect.stringMatching(/^list: shows a new file after \d/),
        'name: plain: taken',
        'name: Chinese: taken',
        expect.stringMatching(/^name: emoji: refused: HTTP 400 PM\.02101004/),
        'name: 256 characters: taken',
        expect.stringMatching(/^name: 300 characters: refused: HTTP 400 PM\.02152001/),
        expect.stringMatching(/^body without a length \(chunked\): refused: HTTP 411/),
        expect.stringMatching(/^slow body: cut: .* after \d/),
        'at once: 5 of 5 taken',
        expect.stringMatching(/^size with aksk: \d+ bytes taken, \d+ refused: HTTP 413/),
        expect.stringMatching(/^size with token: \d+ bytes taken, \d+ refused: HTTP 200 The file is larger/),
        'Settings that follow:',
        '  DELIVERY_CONCURRENCY: 5 files at once were taken, and more were not tried',
      ]),
    );
    const [signed, byToken] = answer.findings.sizes;
    // A signed body holds the form around the file, too.
    expect(signed.taken).toBeGreaterThan(59_000);
    expect(signed.refused).toBeLessThanOrEqual(60_100);
    expect(byToken.taken).toBeLessThanOrEqual(123_456);
    expect(byToken.refused).toBeGreaterThan(123_456);
    expect(byToken.refused - byToken.taken).toBeLessThan(200);
    expect(answer.settings).toMatchObject({
      MAX_FILE_BYTES: String(byToken.taken),
      IPD_AUTH: 'auto',
      IPD_COMMIT_WINDOW_SECONDS: '600',
    });
  });

  it('finds at which rate a tenant throttles', async () => {
    // So few that a slow machine sends more, too.
    await start({ rateLimit: { uploadsPerSecond: 5, retryAfterSeconds: 1 } });

    const fast = ['--sizes', '10000', '--refine', '0', '--slow-seconds', '0'];
    const { said, answer } = await probe(...fast, '--rate-seconds', '4');

    expect(said).toContainEqual(
      expect.stringMatching(/^throttle: after \d+ uploads: HTTP 429 .*Retry-After: 1$/),
    );
    expect(answer.findings.rate.throttled.afterUploads).toBeLessThanOrEqual(5);
    // Five a second are 300 a minute, of which others want some.
    expect(Number(answer.settings.IPD_RATE)).toBeLessThan(300);
  });

  it('fills a work item with --fill, and says at what it was full', async () => {
    await start({ maxAttachmentsPerIssue: 60 });

    const fast = ['--sizes', '10000', '--rate-seconds', '1', '--slow-seconds', '0', '--quiet-seconds', '0'];
    const { said } = await probe('--fill', ...fast);

    expect(said).toContainEqual(
      expect.stringMatching(
        /^full: 60 files, \d+ bytes, then: HTTP 200 The number of attachments has reached/,
      ),
    );
  });

  it('gives no commit window where the list did not show the file in time, and says why', async () => {
    await start({ listDelaySeconds: 3600 });

    const fast = ['--sizes', '10000', '--rate-seconds', '1', '--slow-seconds', '0', '--quiet-seconds', '0'];
    const { said, answer } = await probe('--patience', '0', ...fast);

    expect(answer.findings.answer.listDelayMs).toBeUndefined();
    expect(answer.settings).not.toHaveProperty('IPD_COMMIT_WINDOW_SECONDS');
    expect(said).toContain(
      '  IPD_COMMIT_WINDOW_SECONDS: the list did not show the file within the patience: a longer --patience waits longer',
    );
    // Nothing smaller than the default follows from sizes that were all taken.
    expect(answer.settings).not.toHaveProperty('MAX_FILE_BYTES');
    expect(answer.notReached.MAX_FILE_BYTES).toMatch(/^10000 bytes were taken and no limit was met/);
  });

  it('takes no work item that has much attached already, and says in words what IPD refuses', async () => {
    await start({ fullIssues: [issueId] });

    const full = await probe();
    Object.assign(process.env, {
      IPD_CREDENTIALS: JSON.stringify({ accessKey: 'WRONG', secretKey: 'very-secret-wrong' }),
    });
    const refused = await probe();

    expect(full.said.at(-1)).toMatch(/The work item has 100 attachments: give one that is empty/);
    expect(refused.said.at(-1)).toMatch(/^IPD does not list the work item's attachments: HTTP 401/);
    expect(JSON.stringify(refused)).not.toContain('very-secret-wrong');
    expect(ipd.requests.filter(({ operation }) => operation === 'upload')).toEqual([]);
  });
});
