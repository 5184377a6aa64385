/**
 * What browsers and React Native have and Node lacks: the part of XMLHttpRequest that an upload
 * uses, over a real socket. Like a browser it refuses to have a forbidden header set.
 */
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

const FORBIDDEN = new Set(['host', 'content-length', 'connection']);

class ProgressEvent extends Event {
  readonly loaded: number;

  constructor(type: string, loaded: number) {
    super(type);
    this.loaded = loaded;
  }
}

export class SocketXmlHttpRequest extends EventTarget {
  readonly upload = new EventTarget();
  status = 0;
  responseText = '';
  #request: ClientRequest | undefined;
  #aborted = false;

  open(method: string, url: string): void {
    this.#request = request(url, { method });
  }

  setRequestHeader(name: string, value: string): void {
    if (FORBIDDEN.has(name.toLowerCase())) throw new Error(`Refused to set unsafe header "${name}"`);
    this.#request?.setHeader(name, value);
  }

  send(body: Blob): void {
    void this.#run(body);
  }

  abort(): void {
    this.#aborted = true;
    this.#request?.destroy(new Error('aborted'));
  }

  async #run(body: Blob): Promise<void> {
    const type = await this.#exchange(body).catch(() => (this.#aborted ? 'abort' : 'error'));
    this.dispatchEvent(new ProgressEvent(type, body.size));
    this.dispatchEvent(new ProgressEvent('loadend', body.size));
  }

  async #exchange(body: Blob): Promise<string> {
    const sent = this.#request;
    if (!sent) throw new Error('not opened');
    sent.setHeader('content-length', body.size);
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve);
      sent.on('error', reject);
    });
    const [response] = await Promise.all([answered, this.#write(sent, body)]);
    this.status = response.statusCode ?? 0;
    this.responseText = await text(response);
    return 'load';
  }

  async #write(sent: ClientRequest, body: Blob): Promise<void> {
    const half = Math.ceil(body.size / 2);
    sent.write(await body.slice(0, half).bytes());
    this.upload.dispatchEvent(new ProgressEvent('progress', half));
    sent.end(await body.slice(half).bytes());
    this.upload.dispatchEvent(new ProgressEvent('progress', body.size));
  }
}
