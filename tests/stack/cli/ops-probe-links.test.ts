import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOrder } from '../../../cli/ops/orders.ts';
import { startFakeIpd } from '../../../local/ipd/server.ts';
import { transcriptSchema } from '../../../local/ipd/transcript.ts';
import { ipdCredentials } from '../../support/local-keys.ts';
import { operate } from '../../support/operator.ts';
import { issueId, projectId } from '../../support/world.ts';

type FakeIpd = Awaited<ReturnType<typeof startFakeIpd>>;
type Settings = Omit<Parameters<typeof startFakeIpd>[0], 'port' | 'credentials'>;

let ipd: FakeIpd;
const opened: FakeIpd[] = [];
let environment: NodeJS.ProcessEnv;
let directory: string;

beforeEach(async () => {
  environment = { ...process.env };
  directory = await mkdtemp(join(tmpdir(), 'bridge-probe-'));
});
afterEach(async () => {
  process.env = environment;
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await rm(directory, { recursive: true });
});

/** A tenant, and its credentials in the environment. */
async function start(settings: Settings = {}): Promise<void> {
  ipd = await startFakeIpd({ port: 0, credentials: ipdCredentials, ...settings });
  opened.push(ipd);
  Object.assign(process.env, {
    IPD_ENDPOINT: ipd.url,
    IPD_IAM_ENDPOINT: ipd.url,
    IPD_CREDENTIALS: JSON.stringify(ipdCredentials),
  });
}

const item = ['--project', projectId, '--issue', issueId];
const probe = (...args: string[]) => operate('probe', ...item, '--links', '--yes', ...args);
const admin = async (path: string, init?: RequestInit): Promise<string> =>
  (await fetch(`${ipd.url}/__admin${path}`, init)).text();
const faults = (rules: object[]) => admin('/faults', { method: 'PUT', body: JSON.stringify(rules) });

/** Nothing of the probe is in IPD any more. */
async function expectNothingLeft(): Promise<void> {
  expect([await admin('/links'), await admin('/comments'), await admin('/attachments')]).toEqual([
    '[]',
    '[]',
    '[]',
  ]);
}

describe('npm run ops -- probe --links', () => {
  it('tries links and comments, and removes what it has made', async () => {
    await start({ rejectEmoji: true, listDelaySeconds: 0.3 });

    const { well, said, answer } = await probe();

    expect(well).toBe(true);
    expect(said.slice(1)).toEqual([
      'list of links: readable, 0 links were there before',
      'new link: taken, with its id, in the shape of the documentation',
      expect.stringMatching(/^list of links: shows a new link after \d/),
      'title: Chinese: taken',
      'title: 256 characters: taken',
      expect.stringMatching(/^title: emoji: refused: HTTP 400 PM\.02101004/),
      'the same URL once more: taken, and shown 2 times',
      'deletion of a link: taken, in the shape of the documentation',
      expect.stringMatching(/^list of links: shows a deleted link no more after/),
      expect.stringMatching(/^second deletion of the same link: refused: HTTP 200 The link does not exist/),
      'new comment: taken',
      expect.stringMatching(/^list of comments: shows a new comment after/),
      expect.stringMatching(/^mark-up of a comment: kept: .*<b>bold<\/b>.*; changed: none$/),
      'deletion of a comment: taken',
      '',
      'OVERSIZE=link can be used: IPD took each call that it needs',
      'COMMENT_ON_DELIVERY=on can be used',
    ]);
    expect(answer.findings).toMatchObject({
      links: { create: { isNamed: true, shape: 'docs' }, equal: { rows: 2 }, left: 0 },
      comments: { shown: { changed: [] }, left: 0 },
    });
    await expectNothingLeft();
  });

  it('finds the other shape, a list that hides links, a URL that IPD takes once, and mark-up that is lost', async () => {
    await start({ linkAnswer: 'sdk', linksShown: 0, equalLinks: 'refused', commentMarkup: 'stripped' });

    const { said, answer } = await probe('--patience', '0');

    expect(said).toEqual(
      expect.arrayContaining([
        'new link: taken, with its id, in the shape of the SDK',
        'list of links: shows a new link with this URL not within the time that was waited',
        expect.stringMatching(/^the same URL once more: refused: HTTP 200 The link exists already/),
        expect.stringMatching(/^mark-up of a comment: kept: .*需求说明.*; changed: .*<code>code<\/code>/),
      ]),
    );
    // What the list does not show is deleted by the ids in the answers.
    expect(answer.findings.links).toMatchObject({ shown: { isKept: false }, left: 0 });
    await expectNothingLeft();
  });

  it.each([
    ['linkList', 'codeartsreq:configuration:get'],
    ['linkCreate', 'codeartsreq:workitem:list'],
  ] as const)('says which action the identity policy lacks: %s', async (operation, action) => {
    await start({ forbiddenOperations: [operation] });

    const { well, said } = await probe();

    expect(well).toBe(true);
    expect(said.filter((line) => line.includes('identity policy of the account'))).toEqual([
      `  The identity policy of the account has to allow ${action}`,
    ]);
    expect(said).toContain('OVERSIZE=link cannot be used: IPD did not take each call that it needs');
    await expectNothingLeft();
  });

  it('says what it may not delete, and so could not', async () => {
    await start({ forbiddenOperations: ['linkDelete'] });

    const { well, said } = await probe();

    expect(well).toBe(false);
    expect(said).toEqual(
      expect.arrayContaining([
        '5 links could not be deleted: delete them by hand in IPD',
        'OVERSIZE=link cannot be used: IPD did not take each call that it needs',
        '  The identity policy of the account has to allow codeartsreq:plan:delete',
      ]),
    );
  });

  it('names all three actions where the policy allows none', async () => {
    await start({ forbiddenOperations: ['linkList', 'linkCreate', 'linkDelete'] });

    const { said } = await probe();

    expect(said.filter((line) => line.includes('identity policy of the account'))).toHaveLength(3);
  });

  it('says that a tenant has no links and comments', async () => {
    await start();
    await faults([
      { match: { operation: 'linkList' }, fault: { kind: 'notPublished' } },
      { match: { operation: 'commentCreate' }, fault: { kind: 'notPublished' } },
    ]);

    const { well, said } = await probe();

    expect(well).toBe(true);
    expect(said.slice(1)).toEqual([
      expect.stringMatching(/^list of links: refused: HTTP 404 APIGW\.0101/),
      expect.stringMatching(/^new comment: refused: HTTP 404 APIGW\.0101/),
      '',
      'OVERSIZE=link cannot be used: IPD did not take each call that it needs',
      'COMMENT_ON_DELIVERY=on cannot be used: IPD did not take the comment',
    ]);
    await expectNothingLeft();
  });

  it('finds and removes links whose answers were lost, and comments whose answers name no id', async () => {
    await start();
    await faults([
      { match: { operation: 'linkCreate' }, skip: 1, count: 1, fault: { kind: 'lostAnswer' } },
      { match: { operation: 'linkCreate' }, fault: { kind: 'resultWithoutId' } },
      { match: { operation: 'commentCreate' }, fault: { kind: 'nullResult' } },
    ]);

    const { well, said } = await probe();

    expect(well).toBe(true);
    expect(said).toContainEqual(expect.stringMatching(/^title: Chinese: refused: /));
    await expectNothingLeft();
  });

  it('writes a transcript without secrets, names and ids', async () => {
    await start();
    const file = join(directory, 'tenant.json');
    const planted = { projectId, issueId, title: 'contract of Wang', url: 'https://wang.example.com/secret' };
    await admin('/links', { method: 'POST', body: JSON.stringify(planted) });
    const ids = [...(await admin('/links')).matchAll(/"id":"(\d+)"/g)].map(([, id]) => id ?? '');

    await probe('--record', file);

    const text = await readFile(file, 'utf8');
    const { exchanges, unlisted } = transcriptSchema.parse(JSON.parse(text));
    expect(unlisted).toEqual([]);
    expect(new Set(exchanges.map(({ request }) => request.operation))).toEqual(
      new Set(['linkList', 'linkCreate', 'linkDelete', 'commentCreate', 'commentList', 'commentDelete']),
    );
    const user = '0123456789abcdef0123456789abcdef';
    const secret = ['wang', 'Wang', projectId, issueId, 'bridge"', user, ...ids];
    expect(secret.filter((one) => text.includes(one))).toEqual([]);
  });

  it('writes a transcript by which the fake answers as that tenant did', async () => {
    await start({ linkAnswer: 'sdk', equalLinks: 'refused', rejectEmoji: true });
    const file = join(directory, 'tenant.json');
    const { answer: tenant } = await probe('--record', file);
    await start();
    await admin('/transcript', { method: 'PUT', body: await readFile(file) });

    const { answer: replayed } = await probe('--patience', '0');

    // Each request has an id of its own.
    const [recorded, played] = [tenant, replayed].map(({ findings }) =>
      JSON.parse(JSON.stringify(findings.links).replaceAll(/ \(request \w+\)/g, '')),
    );
    // Its URLs are those of the first run, so the answers name no link of this one.
    expect(played.create).toEqual({ ...recorded.create, isNamed: false });
    expect(played.titles).toEqual(recorded.titles);
    expect(played.equal).toEqual({ ...recorded.equal, rows: 0 });
  });

  it('needs --yes, and no option of the other measurements', () => {
    expect(() => readOrder(['probe', ...item, '--links'])).toThrow(/deletes them again: give --yes/);
    expect(() => readOrder(['probe', ...item, '--links', '--yes', '--fill'])).toThrow(/without --fill/);
  });
});
