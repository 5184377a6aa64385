import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { filesOf } from '../../support/strict-form.ts';
import { startTappedLine } from '../../support/tapped-line.ts';
import { useWorld } from '../../support/use-world.ts';

/** As long as the product's own: some parsers search for nothing else. */
const INNER = 'x'.repeat(52);
const nested = Buffer.from(
  [
    `--${INNER}`,
    'Content-Disposition: attachment; filename="../../opt/evil.sh"',
    '',
    '#!/bin/sh',
    `--${INNER}`,
    'Content-Disposition: attachment; filename="second.sh"',
    'Content-Type: text/html',
    '',
    '#!/bin/sh',
    `--${INNER}--`,
    '',
  ].join('\r\n'),
);

const world = await useWorld({ ends: 'sockets' });
const line = await startTappedLine(world.ipd.url);
afterEach(() => {
  line.requests.length = 0;
});
afterAll(() => line.close());

/** Delivers a file of a type that a record has from times when it was not refused; the form that goes to IPD for it. */
async function deliver(contentType: string) {
  const { delivery } = world.build({ config: { ipd: { ...world.config.ipd, endpoint: line.url } } });
  const { id } = await world.stage(nested, { filename: '报告.txt', contentType });
  await delivery.onArrival(world.arrival(await world.find(id), nested), world.run());
  const [form, ...more] = line.requests.filter(({ method }) => method === 'POST');
  if (form === undefined || more.length > 0) throw new Error('there is not one form');
  return { upload: await world.find(id), form };
}

describe('a stored record whose type nests', () => {
  it.each([
    `multipart/mixed; boundary=${INNER}`,
    `Multipart/Mixed;boundary="${INNER}"`,
    `multipart/form-data; boundary=${INNER}`,
    `multipart/related; type="text/html"; boundary=${INNER}`,
    `message/rfc822`,
    `MESSAGE/partial; id=1; number=1`,
    'application/x-www-form-urlencoded',
    'text',
    '',
  ])('comes to IPD as one file under its own name: %j', async (contentType) => {
    const { upload, form } = await deliver(contentType);

    expect(upload).toMatchObject({ status: 'delivered', contentType });
    expect(filesOf(form.contentType, form.body)).toEqual([
      { filename: '报告.txt', contentType: 'application/octet-stream', bytes: nested },
    ]);
    expect(await world.received()).toMatchObject([{ filename: '报告.txt', size: nested.length }]);
  });
});

describe('a stored record whose type has parameters', () => {
  it.each([
    ['text/plain; charset=utf-8', 'text/plain'],
    [`image/svg+xml ; x="multipart/mixed; boundary=${INNER}"`, 'image/svg+xml'],
    ['Video/MP4', 'Video/MP4'],
  ])('comes to IPD without them: %s', async (contentType, bare) => {
    const { form } = await deliver(contentType);

    expect(filesOf(form.contentType, form.body)).toEqual([
      { filename: '报告.txt', contentType: bare, bytes: nested },
    ]);
  });
});

describe('the strict parser', () => {
  it('would find the files within a part that nests', () => {
    const outer = 'y'.repeat(52);
    const head = `--${outer}\r\nContent-Disposition: form-data; name="attachment"; filename="a.txt"\r\n`;
    const body = Buffer.concat([
      Buffer.from(`${head}Content-Type: multipart/mixed; boundary=${INNER}\r\n\r\n`),
      nested,
      Buffer.from(`\r\n--${outer}--\r\n`),
    ]);

    expect(filesOf(`multipart/form-data; boundary=${outer}`, body)).toMatchObject([
      { filename: '../../opt/evil.sh' },
      { filename: 'second.sh', contentType: 'text/html' },
    ]);
  });
});
