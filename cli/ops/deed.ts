/** Who does something in an owner's place, and why: what the record keeps of it. */
import { userInfo } from 'node:os';
import type { Values } from './terms.ts';

const LONGEST_REASON = 200;

/** Throws where no reason is given, or one that is too long to be kept. */
export function readDeed(values: Values): { by: string; reason: string } {
  const reason = values.reason?.trim() ?? '';
  if (reason === '') throw new Error('--reason is needed');
  if (reason.length > LONGEST_REASON) throw new Error(`--reason has more than ${LONGEST_REASON} characters`);
  return { by: values.by ?? userInfo().username, reason };
}
