import { createClient } from '@ipd-attachment-bridge/client';
import { send } from './core.js';

declare const input: HTMLInputElement;
const [file] = Array.from(input.files ?? []);
const stop = new AbortController();
if (file) void send(file, (words) => console.log(words));

export const own = createClient({
  apiUrl: '/api',
  token: 'jwt',
  fetch: (url, init) => fetch(url, { ...init, credentials: 'omit' }),
});
export const list = own.list({ state: 'open' }, stop.signal);
