import { expect, it } from '@jest/globals';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { useProductOnStorage } from '../support/use-product.ts';
import { begin, openPage } from '../support/uppy-browser.ts';

const product = await useProductOnStorage();
/** What must never be seen in a log, noted as it is given. */
const tickets = new Set<string>();

async function visit() {
  const page = await openPage(product);
  tickets.add(page.ticket);
  return page;
}

describeStockUppy('the ticket', () => {
  it.each([
    ['that does not exist', '/s3/sts', 404],
    ['with a slash too many', '//s3/params?filename=a.bin', 404],
    ['without a name', '/s3/params', 400],
    ['that finds nothing', '/s3/multipart/x?key=x', 404],
  ])('is in no answer to a call %s', async (_what, path, status) => {
    const { ask, ticket } = await visit();

    const answer = await ask('GET', path);

    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).not.toContain(ticket);
  });

  it('is accepted percent-encoded, too, and is in no answer then either', async () => {
    const { base, ticket } = await visit();
    const encoded = `%74k_${ticket.slice(3, -1)}%${ticket.charCodeAt(ticket.length - 1).toString(16)}`;

    const good = await fetch(`${base.origin}/v1/uppy/${encoded}/s3/params?filename=a.bin`);
    const bad = await fetch(`${base.origin}/v1/uppy/${encoded}/s3/params`);
    const unknown = await fetch(`${base.origin}/v1/uppy/${encoded}/s3/sts`);

    expect([good.status, bad.status, unknown.status]).toEqual([200, 400, 404]);
    for (const answer of [bad, unknown]) expect(await answer.text()).not.toContain(ticket.slice(3, -1));
  });

  // The last of the file: they break storage, and read what all tests before have left.
  it('is in no answer when storage is down', async () => {
    const page = await visit();
    const { path, query } = await begin(page);
    await product.storage.breakDown();

    const answer = await page.ask('GET', `${path}${query}`);

    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable', retryable: true } });
    expect(JSON.stringify(answer.body)).not.toContain(page.ticket);
  });

  it('is in no line of any log', () => {
    const lines = product.logs.lines.map(({ line }) => line);

    expect(lines.some((line) => line.includes('uppy session opened'))).toBe(true);
    expect(lines.some((line) => line.includes('request failed'))).toBe(true);
    expect(tickets.size).toBeGreaterThan(5);
    for (const ticket of tickets) {
      for (const line of lines) expect(line).not.toContain(ticket.slice(3, -1));
    }
  });
});
