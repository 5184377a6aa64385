/**
 * The stored form of an upload, with the members that this version does not know. It allows a deploy, and the way
 * back from one, while uploads are under way: old records are read, new members survive an old function, and an old
 * function refuses a record that it must not touch. Pure.
 */
import * as z from 'zod';
import { AppError } from '../domain/errors.ts';
import type { Item } from './table.ts';
import { RECORD_SCHEMA, schemaOf, uploadSchema } from '../domain/upload.ts';
import type { Upload } from '../domain/upload.ts';

const versioned = z.object({ pk: z.string(), schema: z.int().default(0) });

/** Attributes that the ledger adds to the record, anew at each write. */
const LEDGERS_OWN = ['pk', 'writeId', 'dueShard', 'openOwner', 'expiresAt'];
/** The members of all states: members of a state that the record has left are not kept. */
const MEMBERS = new Set([...uploadSchema.options.flatMap(({ shape }) => Object.keys(shape)), ...LEDGERS_OWN]);

/** True when a newer version wrote it in a form that we would damage. */
export function isTooNew(found: Item): boolean {
  return versioned.parse(found).schema > RECORD_SCHEMA;
}

/** The upload of an item. Throws `unavailable` when a newer version wrote it in a form that we would damage. */
export function readRecord(found: Item): Upload {
  const { pk, schema } = versioned.parse(found);
  if (schema > RECORD_SCHEMA) {
    throw new AppError(
      'unavailable',
      `${pk} was written by a newer version: its schema is ${schema}, and ${RECORD_SCHEMA} is the newest that this version reads`,
    );
  }
  const item = schema === 0 ? fromFirstForm(found) : found;
  const others = Object.entries(item).filter(([name]) => !MEMBERS.has(name));
  return uploadSchema.parse({
    ...item,
    others: others.length === 0 ? undefined : Object.fromEntries(others),
  });
}

/** The upload as it is written: in our form, without members of other states. */
export function toRecord(upload: Upload): Upload {
  return uploadSchema.parse({ ...upload, schema: schemaOf(upload) });
}

/** A record's attributes. */
export function itemOf({ others, ...record }: Upload): Item {
  return { ...others, ...record };
}

/**
 * The oldest records kept only the time of a doubt, and not what the work item had held before. For them, every
 * attachment of our size is a candidate: the bytes decide, so no other file is taken for this one.
 */
function fromFirstForm({ doubtSince, ...item }: Item): Item {
  const mayBeThere = doubtSince !== undefined || item['sendingAt'] !== undefined;
  return {
    ...item,
    ...(doubtSince !== undefined && { doubt: { since: doubtSince, absences: 0, accepted: false } }),
    ...(mayBeThere && item['baseline'] === undefined && { baseline: [] }),
  };
}
