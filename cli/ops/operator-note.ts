/** Who changes an upload in its owner's place, and why: the record keeps both. */
import { userInfo } from 'node:os';
import { fill, texts } from '../texts.ts';
import type { Values } from './terms.ts';

const LONGEST_REASON = 200;

/** Throws when the reason is missing or too long. */
export function readOperatorNote(values: Values): { by: string; reason: string } {
  const reason = values.reason?.trim() ?? '';
  if (reason === '') throw new Error(texts.ops.wrong.needsReason);
  if (reason.length > LONGEST_REASON) {
    throw new Error(fill(texts.ops.wrong.longReason, { most: LONGEST_REASON }));
  }
  return { by: values.by ?? userInfo().username, reason };
}
