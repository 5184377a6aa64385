/** Who changes an upload in its owner's place, and why: the record keeps both. */
import { userInfo } from 'node:os';
import type { Values } from './terms.ts';

const LONGEST_REASON = 200;

/** Throws when the reason is missing or too long. */
export function readOperatorNote(values: Values): { by: string; reason: string } {
  const reason = values.reason?.trim() ?? '';
  if (reason === '') throw new Error('--reason is needed');
  if (reason.length > LONGEST_REASON) throw new Error(`--reason has more than ${LONGEST_REASON} characters`);
  return { by: values.by ?? userInfo().username, reason };
}
