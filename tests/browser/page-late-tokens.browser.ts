import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LINK, startSite } from './page-site.ts';
import type { PageVisit, Site } from './page-site.ts';
import { delayAnswers, sampleFile } from './visit.ts';

const TOKENS = `sessionStorage.getItem('attach-files.tokens')`;

let site: Site;
let here: PageVisit;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

beforeEach(async () => {
  here = await site.open(LINK);
  await here.signIn('Li Wei');
});

afterEach(() => here.close());

const refused = { status: 400, json: { error: 'invalid_grant' } };
const lapse = () => here.page.getByText('Your sign-in has ended').first();

function isTokenCall({ pathname }: URL, method: string): boolean {
  return method === 'POST' && pathname === '/oauth2/token';
}

/** The issuer refuses to renew the sign-in once, and the page says so. */
async function haveItEnd(): Promise<void> {
  await here.page.route('**/oauth2/token', (route) => route.fulfill(refused), { times: 1 });
  await here.endToken();
  await here.page.reload();
  await lapse().waitFor();
}

/** Resolves when the window for it has handed the tokens over. */
async function signInAgain(): Promise<void> {
  await here.page.getByRole('button', { name: 'Sign in again' }).click();
  await lapse().waitFor({ state: 'hidden' });
}

describe('a renewal of the sign-in', () => {
  it('that is refused after the person has signed in again changes nothing', async () => {
    const file = sampleFile('refused late.txt', 500);
    await haveItEnd();
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await here.page.route('**/oauth2/token', async (route) => {
      asked.resolve();
      await gate.promise;
      await route.fulfill(refused);
    });
    await here.pick(file);
    await asked.promise;

    await signInAgain();
    gate.resolve();

    await Promise.race([here.attached(file.name), lapse().waitFor()]);
    expect(await lapse().isVisible()).toBe(false);
  });

  it('that is answered after the person has signed in again does not replace the newer tokens', async () => {
    const file = sampleFile('renewed late.txt', 500);
    await haveItEnd();
    const renewal = await delayAnswers(here.page, isTokenCall);
    await here.pick(file);
    await renewal.delayed;

    await signInAgain();
    const given = await here.page.evaluate(TOKENS);
    renewal.letGo();

    await here.attached(file.name);
    expect(await here.page.evaluate(TOKENS)).toBe(given);
  });

  it('that is refused while the person signs in again, before the page asks for that, changes nothing', async () => {
    await here.endToken();
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await here.page.route('**/oauth2/token', async (route) => {
      asked.resolve();
      await gate.promise;
      await route.fulfill(refused);
    });
    await here.page.reload();
    await asked.promise;

    // As another tab of this page does, or this one before it was loaded again.
    const opened = here.context.waitForEvent('page');
    await here.page.evaluate(`void window.open('./?sign-in', 'sign-in', 'popup')`);
    const signIn = await opened;
    if (!signIn.isClosed()) await signIn.waitForEvent('close');
    gate.resolve();

    const file = sampleFile('signed in meanwhile.txt', 500);
    await here.pick(file);
    await Promise.race([here.attached(file.name), lapse().waitFor()]);
    expect(await lapse().isVisible()).toBe(false);
  });

  it('that is answered after a sign-out does not sign in again', async () => {
    await here.endToken();
    const renewal = await delayAnswers(here.page, isTokenCall);
    // After this answer a browser stays where it is, as long as with an issuer that takes its time.
    await here.page.route('**/oauth2/end-session?**', (route) => route.fulfill({ status: 204 }));
    await here.page.reload();
    await renewal.delayed;
    const left = here.page.waitForResponse('**/oauth2/end-session?**');
    await here.page.getByRole('button', { name: 'Sign out' }).click();
    await left;

    const used = here.page.waitForRequest('**/v1/uploads?**');
    renewal.letGo();
    // The page has used the answer, or asks for a sign-in.
    await Promise.race([used, lapse().waitFor()]);

    expect(await here.page.evaluate(TOKENS)).toBeNull();
  });
});
