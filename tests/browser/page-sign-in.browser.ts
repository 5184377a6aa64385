import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ISSUE, LINK, PROJECT, startSite } from './page-site.ts';
import type { PageVisit, Site } from './page-site.ts';
import { sampleFile } from './visit.ts';

let site: Site;
let here: PageVisit;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

afterEach(async () => {
  site.configure(site.config);
  await here.close();
});

describe('the sign-in', () => {
  it('comes back to the work item of the link, and leaves no trace in the address', async () => {
    const asked: string[] = [];
    here = await site.open(LINK);
    here.page.on('request', (request) => asked.push(request.url()));

    await here.signIn('Li Wei');

    expect(here.page.url()).toBe(`${site.origin}${LINK}`);
    await here.page.getByText('Li Wei').waitFor();
    const kept = await here.page.evaluate<string[]>(
      '[Object.keys(sessionStorage), Object.keys(localStorage), document.cookie].map(String)',
    );
    expect(kept).toEqual(['attach-files.tokens', '', '']);
    const authorization = new URL(asked.find((url) => url.includes('code_challenge=')) ?? '');
    expect(Object.fromEntries(authorization.searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      client_id: 'attach-files',
      redirect_uri: `${site.origin}/`,
    });
    expect(asked.filter((url) => /eyJ/.test(url))).toEqual([]);
    expect(here.troubles()).toEqual([]);
  });

  it('lasts over a reload', async () => {
    here = await site.open(LINK);
    await here.signIn('Li Wei');

    await here.page.reload();

    await here.page.getByText('Choose files').waitFor();
    expect(here.troubles()).toEqual([]);
  });

  it('says that it was cancelled, and can be tried again', async () => {
    here = await site.open(LINK);
    await here.page.route('**/oauth2/authorize?**', (route, request) => {
      const { searchParams } = new URL(request.url());
      const answer = new URLSearchParams({
        error: 'access_denied',
        state: searchParams.get('state') ?? '',
        iss: site.issuer,
      });
      const location = `${searchParams.get('redirect_uri')}?${String(answer)}`;
      return route.fulfill({ status: 302, headers: { location } });
    });
    await here.page.getByRole('button', { name: 'Sign in' }).click();
    await here.page.getByRole('alert').getByText('The sign-in was cancelled.').waitFor();
    expect(here.page.url()).toBe(`${site.origin}${LINK}`);

    await here.page.unroute('**/oauth2/authorize?**');
    await here.signIn('Li Wei');
  });

  it('takes no answer that another window asked for', async () => {
    here = await site.open(`/?code=stolen&state=guessed`);

    await here.page.getByRole('alert').getByText('begun somewhere else').waitFor();

    expect(here.page.url()).toBe(`${site.origin}/`);
  });

  it('says that the issuer does not answer', async () => {
    site.configure({ ...site.config, issuer: 'http://127.0.0.1:9' });
    here = await site.open(LINK);

    await here.page.getByRole('button', { name: 'Sign in' }).click();

    await here.page.getByRole('alert').getByText('(127.0.0.1:9) does not answer').waitFor();
    expect(await here.page.getByRole('button', { name: 'Sign in' }).isEnabled()).toBe(true);
  });

  it('is renewed without a word while a token ends', async () => {
    here = await site.open(LINK);
    await here.signIn('Li Wei');
    await here.endToken();
    const renewed = here.page.waitForResponse('**/oauth2/token');

    await here.page.reload();
    await here.pick(sampleFile('after the renewal.txt', 500));

    await here.attached('after the renewal.txt');
    expect((await renewed).status()).toBe(200);
    expect(here.troubles()).toEqual([]);
  });

  it('is asked for again in a window of its own, and the files go on', async () => {
    here = await site.open(LINK);
    await here.signIn('Li Wei');
    await here.page.route('**/oauth2/token', (route) =>
      route.fulfill({ status: 400, json: { error: 'invalid_grant' } }),
    );
    await here.endToken();
    await here.page.reload();
    await here.page.getByText('Your sign-in has ended').first().waitFor();
    await here.pick(sampleFile('patient.txt', 500));
    await here.screenshot('page-lapsed');
    expect(await here.violations()).toEqual([]);

    await here.page.getByRole('button', { name: 'Sign in again' }).click();

    await here.attached('patient.txt');
    expect(await here.page.getByText('Your sign-in has ended').first().isVisible()).toBe(false);
  });

  it('ends, here and at the issuer', async () => {
    here = await site.open(LINK);
    await here.signIn('Li Wei');

    await here.page.getByRole('button', { name: 'Sign out' }).click();
    await here.page.getByText('Which work item?').waitFor();
    await here.page.goto(`${site.origin}${LINK}`);
    await here.page.getByRole('button', { name: 'Sign in' }).click();

    // The issuer asks for the name again.
    await here.page.getByLabel('Name').waitFor();
    expect(new URL(here.page.url()).origin).toBe(site.issuer);
  });
});

describe('the link', () => {
  it.each([
    [
      '?project=0123&issue=956239067176935400',
      'The project has 32 letters and digits; this has 4 characters.',
    ],
    [`?project=${PROJECT}`, 'The work item is missing.'],
    [`?project=${PROJECT}&issue=4711`, 'The short number that IPD shows is another one.'],
    [`?project=${PROJECT}&issue=95623906717693540x`, 'The work item has 18 or 19 digits and nothing else.'],
  ])('%s is refused: %s', async (query, text) => {
    here = await site.open(`/${query}`);

    await here.page.getByText(text).waitFor();

    expect(await here.page.getByRole('alert').textContent()).toContain('The link to this page has a mistake');
    expect(here.troubles()).toEqual([]);
  });

  it('is made of an address that a person pastes', async () => {
    here = await site.open('/');
    await here.page.getByLabel('Address of the work item').fill(site.ipdAddress);
    expect(await here.page.getByLabel('Project').inputValue()).toBe(PROJECT);

    await here.page.getByRole('button', { name: 'Go on' }).click();

    await here.signIn('Li Wei');
    expect(here.page.url()).toBe(`${site.origin}${LINK}`);
    const ipd = here.page.getByRole('link', { name: 'Open in IPD' });
    expect(await ipd.getAttribute('href')).toBe(site.ipdAddress);
    await here.page.getByText(`Work item …${ISSUE.slice(-6)}`).waitFor();
    expect(here.troubles()).toEqual([]);
  });
});

describe('config.json', () => {
  it.each([
    ['is no JSON', '{', ['config.json is not a JSON object.']],
    ['is empty', {}, ['“apiUrl” is missing.', '“issuer” is missing.', '“clientId” is missing.']],
    [
      'has wrong members',
      {
        apiUrl: 'http://api.example.com',
        issuer: 'login',
        clientId: '',
        ipdUrl: 'https://ipd.example.com',
        color: 1,
      },
      [
        '“apiUrl” must be an https address without a query, not “http://api.example.com”.',
        '“issuer” must be an https address without a query, not “login”.',
        '“clientId” must be a text that is not empty.',
        '“ipdUrl” must be an https address with {issue} in it',
        '“color” means nothing here.',
      ],
    ],
  ])('that %s is explained', async (_case, config, texts) => {
    site.configure(config);

    here = await site.open(LINK);

    const alert = here.page.getByRole('alert');
    for (const text of texts) await alert.getByText(text).waitFor();
    expect(await alert.getByRole('listitem').count()).toBe(texts.length);
    expect(await here.violations()).toEqual([]);
  });
});
