import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { describeFailure, exchange, readText, send } from '../../../lib/ipd/wire.ts';
import type { WireRequest } from '../../../lib/ipd/wire.ts';
import { eventually } from '../../support/eventually.ts';
import { sourceOf } from '../../support/sources.ts';
import { KIB, MIB } from '../../../lib/domain/units.ts';

const CHUNK = 64 * KIB;

const soon = () => AbortSignal.timeout(300_000);

type Listener = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** A source that counts what was read of it and tells when it is closed. */
function countingSource({ bytes, chunk = CHUNK }: { bytes: number; chunk?: number }) {
  const state = { read: 0, closed: false };
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      while (state.read < bytes) {
        state.read += chunk;
        yield Buffer.alloc(chunk);
      }
    } finally {
      state.closed = true;
    }
  }
  return { state, body: chunks() };
}

/** A source whose second chunk never comes. */
async function* stuckSource(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(10);
  await new Promise(() => undefined);
}

describe('send', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    }
  });

  /** A server on a free port; `seen` holds its requests. */
  async function serve(listener: Listener): Promise<{ url: URL; seen: IncomingMessage[] }> {
    const seen: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      request.on('error', () => undefined);
      seen.push(request);
      // Some tests close the connection in the middle of an exchange, so this listener may fail.
      void Promise.resolve(listener(request, response)).catch(() => undefined);
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return { url: new URL(`http://127.0.0.1:${address.port}/there?x=1`), seen };
  }

  function post(url: URL, body: AsyncIterable<Uint8Array>, length: number, other: Partial<WireRequest> = {}) {
    const headers = { 'content-length': String(length) };
    return send({
      method: 'POST',
      url,
      headers,
      body: sourceOf(body),
      signal: AbortSignal.timeout(300_000),
      idleMs: 300_000,
      ...other,
    });
  }

  const silent: Listener = (request) => {
    request.resume();
  };

  it('sends method, headers and a streamed body of exact length, and hands over the answer', async () => {
    const { url, seen } = await serve(async (request, response) => {
      response.writeHead(201, { 'x-one': 'a', 'set-cookie': ['b=1', 'c=2'] }).end(await text(request));
    });
    async function* body(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first ');
      yield Buffer.from('second');
    }

    const answer = await post(url, body(), 12);

    expect(answer).toMatchObject({ status: 201, headers: { 'x-one': 'a', 'set-cookie': 'b=1, c=2' } });
    expect(await readText(answer.body)).toBe('first second');
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/there?x=1' });
    expect(seen[0]?.headers['transfer-encoding']).toBeUndefined();
  });

  it('opens a connection of its own for each exchange', async () => {
    const ports: (number | undefined)[] = [];
    const { url } = await serve((request, response) => {
      ports.push(request.socket.remotePort);
      response.end('ok');
    });
    const get = async () => {
      const request = {
        method: 'GET',
        url,
        headers: {},
        signal: AbortSignal.timeout(300_000),
        idleMs: 300_000,
      };
      return readText((await send(request)).body);
    };

    await get();
    await get();
    await Promise.all([get(), get()]);

    expect(new Set(ports).size).toBe(4);
  });

  it('reads no further ahead than the sockets buffer when the server is slow', async () => {
    const total = 64 * MIB;
    const source = countingSource({ bytes: total });
    const start = Promise.withResolvers<void>();
    const { url, seen } = await serve(async (request, response) => {
      await start.promise;
      let received = 0;
      for await (const chunk of request) received += chunk.length;
      response.end(String(received));
    });
    const work = post(url, source.body, total);
    await eventually(() => seen.length === 1);

    // The server takes nothing: the source comes to rest.
    let before = -1;
    while (before !== source.state.read) {
      before = source.state.read;
      for (let round = 0; round < 200; round += 1) await setImmediate();
    }
    expect(source.state.read).toBeLessThan(16 * MIB);
    start.resolve();

    expect(await readText((await work).body)).toBe(String(total));
    expect(source.state).toEqual({ read: total, closed: true });
  });

  it('ends the sending and closes the source when an answer comes early', async () => {
    const total = 1024 * MIB;
    const source = countingSource({ bytes: total });
    const { url } = await serve((request, response) => {
      response.writeHead(413).end('too large');
      request.resume();
    });

    const answer = await post(url, source.body, total);

    expect(answer.status).toBe(413);
    expect(await readText(answer.body)).toBe('too large');
    await eventually(() => source.state.closed);
    expect(source.state.read).toBeLessThan(total);
  });

  it('hands over an early answer while the source stands still', async () => {
    const { url } = await serve((_request, response) => {
      response.writeHead(503).end('no');
    });

    const answer = await post(url, stuckSource(), 1000);

    expect(answer.status).toBe(503);
  });

  it('gives up when the server does not answer for the idle time', async () => {
    const source = countingSource({ bytes: CHUNK });
    const { url } = await serve(silent);

    await expect(post(url, source.body, CHUNK, { idleMs: 50 })).rejects.toThrow('stood still for 50 ms');

    expect(source.state.closed).toBe(true);
  });

  it('gives up when the server does not read for the idle time', async () => {
    const total = 64 * MIB;
    const source = countingSource({ bytes: total });
    const { url, seen } = await serve(() => undefined);

    await expect(post(url, source.body, total, { idleMs: 200 })).rejects.toThrow('stood still for 200 ms');

    await eventually(() => source.state.closed);
    expect(source.state.read).toBeLessThan(total);
    expect(seen[0]?.complete).toBe(false);
  });

  it('gives up when the source stands still for the idle time', async () => {
    const { url } = await serve(silent);

    await expect(post(url, stuckSource(), 1000, { idleMs: 50 })).rejects.toThrow('stood still for 50 ms');
  });

  it('ends with the signal, before and during the body', async () => {
    const total = 1024 * MIB;
    const { url, seen } = await serve(silent);
    const early = countingSource({ bytes: total });
    const late = countingSource({ bytes: total });
    const controller = new AbortController();

    await expect(post(url, early.body, total, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    const work = post(url, late.body, total, { signal: controller.signal });
    await eventually(() => seen.length === 1);
    controller.abort();

    await expect(work).rejects.toThrow('aborted');
    await eventually(() => late.state.closed);
    expect(early.state.read).toBe(0);
    await eventually(() => seen[0]?.destroyed === true);
    expect(seen[0]?.complete).toBe(false);
  });

  it('ends a stuck source with the signal, too', async () => {
    const { url, seen } = await serve(silent);
    const controller = new AbortController();
    const work = post(url, stuckSource(), 1000, { signal: controller.signal });
    await eventually(() => seen.length === 1);

    controller.abort();

    await expect(work).rejects.toThrow('aborted');
  });

  it('closes the source when the connection is reset', async () => {
    const total = 1024 * MIB;
    const source = countingSource({ bytes: total });
    const { url } = await serve((request) => {
      request.once('data', () => request.socket.resetAndDestroy());
    });

    await expect(post(url, source.body, total)).rejects.toMatchObject({ code: /ECONNRESET|EPIPE/ });

    await eventually(() => source.state.closed);
  });

  it('does not begin to read when no server listens', async () => {
    const { url } = await serve(silent);
    const [server] = servers.splice(0);
    server?.close();
    const source = countingSource({ bytes: 1024 * MIB });

    await expect(post(url, source.body, 1024 * MIB)).rejects.toMatchObject({ code: 'ECONNREFUSED' });

    expect(source.state.read).toBe(0);
  });

  it('destroys the connection and passes on what the source throws', async () => {
    const failure = new Error('storage broke');
    const { url, seen } = await serve(silent);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10);
      await eventually(() => seen.length === 1);
      throw failure;
    }

    await expect(post(url, broken(), 11)).rejects.toBe(failure);

    await eventually(() => seen[0]?.destroyed === true);
    expect(seen[0]?.complete).toBe(false);
  });

  describe('exchange', () => {
    it('answers with the text', async () => {
      const { url } = await serve(async (request, response) => {
        response.writeHead(200, { 'x-one': '1' }).end(`got ${await text(request)}`);
      });
      const request = { method: 'POST', url, headers: {}, body: Buffer.from('hello'), signal: soon() };

      expect(await exchange(send, request)).toMatchObject({ status: 200, text: 'got hello' });
    });

    it('says that there was no answer in time', async () => {
      const { url } = await serve(silent);

      const request = { method: 'GET', url, headers: {}, signal: AbortSignal.timeout(50) };

      expect(await exchange(send, request)).toMatchObject({ kind: 'unavailable' });
    });

    it('ends with the signal of the caller', async () => {
      const { url } = await serve(silent);
      const request = { method: 'GET', url, headers: {}, signal: AbortSignal.abort() };

      expect(await exchange(send, request)).toMatchObject({ kind: 'unavailable' });
    });
  });
});

describe('readText', () => {
  it('cuts what is longer than any useful answer and closes the stream', async () => {
    const source = countingSource({ bytes: 100 * MIB });

    const read = await readText(source.body);

    expect(read.length).toBe(MIB + CHUNK);
    expect(source.state).toEqual({ read: MIB + CHUNK, closed: true });
  });

  it('joins characters that were cut between chunks', async () => {
    const bytes = Buffer.from('录屏');
    async function* halves(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 2);
      yield bytes.subarray(2);
    }

    expect(await readText(halves())).toBe('录屏');
  });
});

describe('describeFailure', () => {
  it.each([
    [Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:443'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [Object.assign(new Error('x'), { name: 'TimeoutError' }), 'no answer in time'],
    [Object.assign(new Error('x'), { name: 'AbortError', code: 'ABORT_ERR' }), 'no answer in time'],
    [new Error('the connection stood still for 5 ms'), 'the connection stood still for 5 ms'],
    ['a string', 'unknown failure'],
  ])('%s', (error, words) => {
    expect(describeFailure(error)).toBe(words);
  });
});
