/**
 * Sends a file, or a part of one, to storage and counts the bytes. Browsers and React Native count by
 * XMLHttpRequest, since their fetch shows no upload progress; where there is none, as in a service worker, fetch
 * sends without a count. Does not interpret storage's answers.
 */
import { readAnswer } from './errors.ts';
import type { Answer } from './errors.ts';
import type { Fetch, FileBody, Signal } from './platform.ts';

export type PutRequest = {
  method: string;
  url: string;
  headers: Record<string, string>;
  file: FileBody;
  signal: Signal;
  /** How many bytes of this file are on the way. */
  onBytes: (bytes: number) => void;
};

/** Sends the file once; resolves with storage's answer, or refusal; rejects when there is none. */
export type Put = (request: PutRequest, fetch: Fetch) => Promise<Answer>;

/** The part of https://xhr.spec.whatwg.org that is used here; Node has none of it. */
type Target = { addEventListener(type: string, listener: (event: { loaded: number }) => void): void };
type Xhr = Target & {
  upload: Target;
  status: number;
  responseText: string;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  send(body: FileBody): void;
  abort(): void;
};
declare const XMLHttpRequest: (new () => Xhr) | undefined;

/** The platform sets these headers itself; a browser does not let a page set them. */
export const PLATFORM_HEADERS = /^(host|content-length)$/i;

export const putFile: Put = async (request, fetch) => {
  if (typeof XMLHttpRequest !== 'undefined') return putByXhr(request, new XMLHttpRequest());
  return readAnswer(await fetch(request.url, { ...request, body: request.file }));
};

function putByXhr({ method, url, headers, file, signal, onBytes }: PutRequest, xhr: Xhr): Promise<Answer> {
  return new Promise((resolve, reject) => {
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      if (!PLATFORM_HEADERS.test(name)) xhr.setRequestHeader(name, value);
    }
    xhr.upload.addEventListener('progress', ({ loaded }) => onBytes(loaded));
    // Retry-After is not among the headers that a bucket shows to pages.
    xhr.addEventListener('load', () => resolve({ status: xhr.status, text: xhr.responseText }));
    xhr.addEventListener('error', () => reject(new Error('No answer')));
    // The signal is that of this request alone.
    signal.addEventListener('abort', () => {
      xhr.abort();
      reject(signal.reason);
    });
    xhr.send(file);
  });
}
