import { afterEach, describe, expect, it } from '@jest/globals';
import { S3Client } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { eventually } from '../../support/eventually.ts';
import { startBrokenLine } from '../../support/broken-line.ts';
import type { Break } from '../../support/broken-line.ts';
import { untilUnused } from '../../support/sockets.ts';
import { poured } from '../../support/sources.ts';
import { useWorld } from '../../support/use-world.ts';

const SIZE = 4_000_000;

const world = await useWorld({ ends: 'sockets' });
const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0)) await close();
});

/** A staged file, and staging on a line that breaks as planned, with the sockets of that line. */
async function stage(plan: (index: number) => Break | undefined = () => undefined) {
  const bytes = randomBytes(SIZE);
  const { size, ...object } = world.arrival(await world.stage(bytes), bytes);
  const line = await startBrokenLine(world.s3.url, plan);
  const httpAgent = new Agent({ keepAlive: true });
  const s3 = new S3Client({ endpoint: line.url, forcePathStyle: true, requestHandler: { httpAgent } });
  open.push(line, { close: () => s3.destroy() });
  const over = new AbortController();
  const version = { ...object, signal: over.signal };
  const { staging } = world.build({ s3 });
  return { bytes, size, version, over, staging, requests: line.requests, httpAgent };
}

describe('a staged file that is opened before it is wanted', () => {
  it('is read from the stream that is open', async () => {
    const { bytes, size, version, staging, requests, httpAgent } = await stage();

    const opened = staging.open(version);
    await opened;
    const read = await poured((sink) => staging.read({ ...version, size, opened }, sink));

    expect(read.equals(bytes)).toBe(true);
    expect(requests).toMatchObject([{ range: 'bytes=0-', ifMatch: `"${version.etag}"` }]);
    await untilUnused(httpAgent);
  });

  it('waits in its socket, with no more in memory than a buffer of one stream', async () => {
    const { version, staging, over, httpAgent } = await stage();

    const body = await staging.open(version);
    await once(body, 'readable');
    for (let round = 0; round < 100; round += 1) await setImmediate();

    // The last chunk may go beyond it.
    expect(body.readableLength).toBeLessThan(body.readableHighWaterMark + 65_537);
    over.abort();
    await untilUnused(httpAgent);
  });

  it('is read from its beginning when the stream broke while it waited', async () => {
    const { bytes, size, version, staging, requests } = await stage((index) =>
      index === 0 ? { afterBytes: 1000, how: 'cut' } : undefined,
    );

    const opened = staging.open(version);
    const { promise: isBroken, resolve } = Promise.withResolvers<void>();
    (await opened).once('close', resolve);
    await isBroken;
    const read = await poured((sink) => staging.read({ ...version, size, opened }, sink));

    expect(read.equals(bytes)).toBe(true);
    expect(requests.map(({ range }) => range)).toEqual(['bytes=0-', 'bytes=0-']);
  });

  it('is read where its stream ends, when that breaks later', async () => {
    const { bytes, size, version, staging, requests } = await stage((index) =>
      index === 0 ? { afterBytes: 2_000_000, how: 'cut' } : undefined,
    );

    const opened = staging.open(version);
    await opened;
    const read = await poured((sink) => staging.read({ ...version, size, opened }, sink));

    expect(read.equals(bytes)).toBe(true);
    expect(requests).toHaveLength(2);
    expect(requests[1]?.range).not.toBe('bytes=0-');
  });

  it('is read as often as it is wanted', async () => {
    const { bytes, size, version, staging, requests } = await stage();

    const opened = staging.open(version);
    const first = await poured((sink) => staging.read({ ...version, size, opened }, sink));
    const second = await poured((sink) => staging.read({ ...version, size, opened }, sink));

    expect(first.equals(bytes)).toBe(true);
    expect(second.equals(bytes)).toBe(true);
    expect(requests.map(({ range }) => range)).toEqual(['bytes=0-', 'bytes=0-']);
  });

  it('gives its socket back when it is closed, before and after storage has answered', async () => {
    const { version, over, staging, httpAgent } = await stage();

    const answered = await staging.open(version);
    const asked = staging.open(version);
    over.abort();

    await expect(asked).rejects.toThrow('aborted');
    await untilUnused(httpAgent);
    expect(answered.destroyed).toBe(true);
    expect(httpAgent.freeSockets).toEqual({});
  });

  it('is closed by the signal of its reading, too', async () => {
    const { size, version, staging, requests, httpAgent } = await stage((index) =>
      index === 0 ? { afterBytes: 200_000, how: 'stall' } : undefined,
    );
    const exchange = new AbortController();
    let left = 200_000;

    const opened = staging.open(version);
    const reading = staging.read({ ...version, signal: exchange.signal, size, opened }, (chunk) => {
      left -= chunk.length;
      if (left === 0) exchange.abort();
      return undefined;
    });

    await expect(reading).rejects.toMatchObject({ code: 'storage_unavailable' });
    await untilUnused(httpAgent);
    expect(requests).toHaveLength(1);
  });

  it('throws what opening it met only when it is read', async () => {
    const { size, version, staging } = await stage();
    const gone = { ...version, key: 'staging/none' };
    const replaced = { ...version, etag: '0'.repeat(32) };

    const [first, second] = [staging.open(gone), staging.open(replaced)];
    await Promise.allSettled([first, second]);
    await setImmediate();
    const ofFirst = poured((sink) => staging.read({ ...gone, size, opened: first }, sink));
    const ofSecond = poured((sink) => staging.read({ ...replaced, size, opened: second }, sink));

    await expect(ofFirst).rejects.toMatchObject({ code: 'staged_file_missing' });
    await expect(ofSecond).rejects.toMatchObject({ code: 'staged_file_changed' });
  });

  it('leaves a refusal that is never read without a consequence', async () => {
    const { version, staging, httpAgent } = await stage();

    void staging.open({ ...version, key: 'staging/none' });

    // A rejection without a handler would fail the test.
    await eventually(() => Object.keys(httpAgent.freeSockets).length > 0);
    expect(httpAgent.sockets).toEqual({});
  });
});
