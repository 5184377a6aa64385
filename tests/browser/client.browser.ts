import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BrowserContext } from 'playwright-core';
import { openClientPage, startClientPage } from './client-page.ts';
import { startBrowserStack } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { delayRequest, MIB, partNumber, storedPart } from './visit.ts';

let allowed: Awaited<ReturnType<typeof startClientPage>>;
let stranger: Awaited<ReturnType<typeof startClientPage>>;
let strict: Awaited<ReturnType<typeof startClientPage>>;
let stack: BrowserStack;
let context: BrowserContext;
let call: { apiUrl: string; token: string };

/** What must not be waited out would take longer than the test may. */
const never = { firstDelayMs: 3_600_000, longestDelayMs: 3_600_000 };

beforeAll(async () => {
  allowed = await startClientPage();
  stranger = await startClientPage();
  strict = await startClientPage({ policy: "connect-src 'self'" });
  stack = await startBrowserStack({ ALLOWED_ORIGINS: allowed.url });
  call = { apiUrl: stack.urls.apiUrl, token: await stack.mint('me') };
});

afterAll(async () => {
  await stack?.stop();
  await Promise.all([allowed, stranger, strict].map((page) => page?.close()));
});

beforeEach(async () => {
  context = await stack.context();
});

afterEach(() => context.close());

/** As a person does who is asked; Playwright knows no such permission. */
async function denyLocalNetwork(there: BrowserContext, origin: string): Promise<void> {
  const page = await there.newPage();
  const session = await there.newCDPSession(page);
  const { targetInfo } = await session.send('Target.getTargetInfo');
  const whole = await there.browser()?.newBrowserCDPSession();
  for (const name of ['local-network-access', 'loopback-network']) {
    await whole?.send('Browser.setPermission', {
      permission: { name },
      setting: 'denied',
      origin,
      ...(targetInfo.browserContextId !== undefined && { browserContextId: targetInfo.browserContextId }),
    });
  }
  await page.close();
}

describe('the client in a page', () => {
  it('brings a file to IPD', async () => {
    const here = await openClientPage(context, allowed.url);

    expect(await here.upload(call)).toMatchObject({ end: 'delivered' });
    expect(await here.seen()).toEqual([]);
  });

  it('says at once that the bridge does not allow the origin of the page', async () => {
    const here = await openClientPage(context, stranger.url);

    expect(await here.upload({ ...call, timing: never })).toMatchObject({
      end: 'origin_not_allowed',
      detail: `Pages of ${stranger.url} may not call ${call.apiUrl}: add this origin to the bridge's ALLOWED_ORIGINS`,
      retryable: false,
    });
  });

  it('says at once that storage does not allow the origin of the page', async () => {
    await stack.allowInStorage(stranger.url);
    const here = await openClientPage(context, allowed.url);

    const outcome = await here.upload({ ...call, size: 10_001, timing: never });
    await stack.allowInStorage(allowed.url);

    expect(outcome).toMatchObject({ end: 'origin_not_allowed', retryable: false });
    expect(outcome.detail).toContain(`Pages of ${allowed.url} may not call storage`);
  });

  it('says at once that the policy of the page blocks the address', async () => {
    const here = await openClientPage(context, strict.url);

    expect(await here.upload({ ...call, timing: never })).toMatchObject({
      end: 'address_blocked',
      detail: `connect-src of this page's Content-Security-Policy lacks ${call.apiUrl}`,
    });
  });

  it('says at once that the person has refused the page the local network', async () => {
    const elsewhere = 'https://app.example.com';
    await context.route(`${elsewhere}/**`, async (route) => {
      const { pathname } = new URL(route.request().url());
      await route.fulfill({ response: await route.fetch({ url: `${allowed.url}${pathname}` }) });
    });
    await denyLocalNetwork(context, elsewhere);
    const here = await openClientPage(context, elsewhere);

    expect(await here.upload({ ...call, timing: never })).toMatchObject({
      end: 'address_blocked',
      detail: `The browser keeps ${elsewhere} from calling ${call.apiUrl}: allow it the local network in the site settings`,
    });
  });

  it('says at once that there is another server at the address', async () => {
    const here = await openClientPage(context, allowed.url);

    expect(await here.upload({ ...call, apiUrl: allowed.url, timing: never })).toMatchObject({
      end: 'invalid_api_url',
      detail: `There is no upload API at ${allowed.url}`,
    });
  });

  it('waits where the server is gone, as for a network', async () => {
    const gone = await startClientPage();
    await gone.close();
    const here = await openClientPage(context, allowed.url);

    void here.upload({ ...call, apiUrl: gone.url, timing: never }).catch(() => undefined);

    await here.page.waitForFunction('window.seen?.length === 1');
    expect(await here.seen()).toEqual(['no_answer']);
  });

  it('goes on by itself as soon as the network is back, and sends no stored part again', async () => {
    const here = await openClientPage(context, allowed.url);
    const parts: number[] = [];
    here.page.on('requestfinished', (request) => {
      const number = partNumber(new URL(request.url()), request.method());
      if (number !== undefined) parts.push(number);
    });
    const third = await delayRequest(here.page, (url, method) => partNumber(url, method) === 3);
    const others = [1, 2].map((number) => storedPart(here.page, number));
    const running = here.upload({ ...call, size: 11 * MIB, timing: never });
    await Promise.all([third.delayed, ...others]);

    await context.setOffline(true);
    third.letGo();
    await here.page.waitForFunction("window.seen.includes('offline')");
    await context.setOffline(false);

    expect(await running).toMatchObject({ end: 'delivered' });
    expect(await here.seen()).toEqual(['offline', 'goes on']);
    expect(parts.toSorted((one, other) => one - other)).toEqual([1, 2, 3]);
  });
});
