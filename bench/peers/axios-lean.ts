/** The same with the one setting that keeps axios from holding all that was sent, for the case of a redirect. */
import { createCarry } from './axios-stream.ts';

export const carry = createCarry({ maxRedirects: 0 });
