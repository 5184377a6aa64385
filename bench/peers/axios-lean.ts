/** Like axios-stream, without redirects: for them, axios would keep all bytes that it has sent. */
import { createCarry } from './axios-stream.ts';

export const carry = createCarry({ maxRedirects: 0 });
