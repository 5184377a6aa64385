/**
 * What happened in one simulated world, with its time, for the oracle to judge: versions of records, files in storage,
 * notifications, requests to IPD and what IPD refused. It reads the ends, never the product, and judges nothing.
 */
import { readRecord } from './oracle-reading.ts';
import type { UploadRecord, Version } from './oracle-reading.ts';
import type { NotificationMessage } from '../ends/topic.ts';

/** One request to IPD that a delivery made, the fault that it met, and whether the delivery got an answer. */
export type IpdContact = {
  at: number;
  operation: string;
  /** The run of a function that asked, and the number of the attempt. */
  run: number;
  attempt: number;
  fault: string | undefined;
  isAnswered: boolean;
};

export type Chronicle = ReturnType<typeof createChronicle>;

/** An empty one; `now` is the world's time. */
export function createChronicle(now: () => number) {
  const versions = new Map<string, { at: number; item: object; record?: UploadRecord }[]>();
  const contacts = new Map<string, IpdContact[]>();
  const stored = new Map<string, { at: number; isThere: boolean }[]>();
  const published: { at: number; message: NotificationMessage }[] = [];
  /**
   * Of all sweeps: their runs, the due rows that they were shown, the items that they read, and their writes that were
   * refused, since another writer was faster.
   */
  const sweeps = { runs: 0, due: 0, reads: 0, refused: 0 };
  /** When IPD was asked, by whomever; in order. */
  const requests: number[] = [];

  return {
    published,
    sweeps,
    requests,
    wrote: (item: Record<string, unknown>) => {
      const { pk } = item;
      if (typeof pk !== 'string' || !pk.startsWith('upload#')) return;
      add(versions, pk.slice('upload#'.length), { at: now(), item });
    },
    noted: (key: string, isThere: boolean) => add(stored, key, { at: now(), isThere }),
    notified: (message: NotificationMessage) => published.push({ at: now(), message }),
    asked: (operation: string, { uploadId = '', run }: { uploadId?: string | undefined; run: number }) => {
      requests.push(now());
      const latest = versions.get(uploadId)?.at(-1)?.item;
      const attempt = latest !== undefined && 'attempts' in latest ? Number(latest.attempts) : 0;
      const contact: IpdContact = { at: now(), operation, run, attempt, fault: undefined, isAnswered: false };
      add(contacts, uploadId, contact);
      return {
        met: (kind: string): void => {
          contact.fault = kind;
        },
        answered: (): void => {
          contact.isAnswered = true;
        },
      };
    },
    contactsOf: (uploadId: string): readonly IpdContact[] => contacts.get(uploadId) ?? [],
    /** The versions of each record, the first one first. */
    histories: (): Map<string, Version[]> =>
      new Map(
        [...versions].map(([id, all]) => [
          id,
          all.map((version) => ({ at: version.at, record: (version.record ??= readRecord(version.item)) })),
        ]),
      ),
    /** For worlds with so many uploads that nothing reads it. */
    forget: (): void => {
      for (const kept of [versions, contacts, stored]) kept.clear();
      for (const kept of [published, requests]) kept.length = 0;
    },
    filesUnder: (key: string): readonly { at: number; isThere: boolean }[] => stored.get(key) ?? [],
  };
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
