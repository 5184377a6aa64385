import { afterEach, describe, expect, it } from '@jest/globals';
import { putFile } from '../../../packages/client/src/put.ts';

type Listener = (event: { loaded: number }) => void;

const file = new Blob(['abc']);
const headers = { host: 's3.example.com', 'Content-Length': '3', 'content-type': 'text/plain' };
const url = 'https://s3.example.com/key';

/** An XMLHttpRequest of this process that keeps its calls, and goes on as the test says. */
class Xhr {
  static made: Xhr[] = [];
  readonly calls: unknown[][] = [];
  readonly listeners = new Map<string, Listener>();
  readonly upload = {
    addEventListener: (type: string, listener: Listener) => this.listeners.set(`upload ${type}`, listener),
  };
  status = 0;
  responseText = '';
  constructor() {
    Xhr.made.push(this);
  }
  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, listener);
  }
  open(...values: unknown[]): void {
    this.calls.push(['open', ...values]);
  }
  setRequestHeader(...values: unknown[]): void {
    this.calls.push(['header', ...values]);
  }
  send(...values: unknown[]): void {
    this.calls.push(['send', ...values]);
  }
  abort(): void {
    this.calls.push(['abort']);
  }
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'XMLHttpRequest');
  Xhr.made.splice(0);
});

function put(onBytes: (bytes: number) => void = () => undefined, stop = new AbortController()) {
  const fetched: unknown[] = [];
  const answer = putFile(
    { method: 'PUT', url, headers, file, signal: stop.signal, onBytes },
    async (given, init) => {
      fetched.push(given, init);
      return new Response('words', { status: 201 });
    },
  );
  return { answer, fetched, stop };
}

describe('a file', () => {
  it('goes by fetch where there is no XMLHttpRequest', async () => {
    const { answer, fetched } = put();

    expect(await answer).toMatchObject({ status: 201, text: 'words' });
    expect(fetched).toEqual([url, expect.objectContaining({ method: 'PUT', headers, body: file })]);
  });

  it('goes by XMLHttpRequest where there is one, which counts its bytes and sets its own headers', async () => {
    Object.assign(globalThis, { XMLHttpRequest: Xhr });
    const bytes: number[] = [];
    const { answer, fetched } = put((count) => bytes.push(count));

    const [xhr] = Xhr.made;
    xhr?.listeners.get('upload progress')?.({ loaded: 2 });
    Object.assign(xhr ?? {}, { status: 200, responseText: 'stored' });
    xhr?.listeners.get('load')?.({ loaded: 3 });

    expect(await answer).toEqual({ status: 200, text: 'stored' });
    expect(xhr?.calls).toEqual([
      ['open', 'PUT', url],
      ['header', 'content-type', 'text/plain'],
      ['send', file],
    ]);
    expect([bytes, fetched]).toEqual([[2], []]);
  });

  it('gets no answer where XMLHttpRequest fails, or is stopped', async () => {
    Object.assign(globalThis, { XMLHttpRequest: Xhr });
    const failed = put();
    Xhr.made[0]?.listeners.get('error')?.({ loaded: 0 });
    const stopped = put();
    stopped.stop.abort(new Error('enough'));

    await expect(failed.answer).rejects.toThrow('No answer');
    await expect(stopped.answer).rejects.toThrow('enough');
    expect(Xhr.made[1]?.calls.at(-1)).toEqual(['abort']);
  });
});
