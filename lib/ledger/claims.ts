/**
 * What uploads compete for, and what else the ledger keeps beside them: attachments, work items, idempotency keys,
 * Uppy's tickets, counters of a minute and small shared states. Each is one item that a conditional write gives to one of them.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../domain/errors.ts';
import type { Item, Table } from './table.ts';
import { occupiesWorkItem } from '../domain/upload.ts';
import type { Upload } from '../domain/upload.ts';

/** Writers that meet on one item: beyond this many in a row something is broken. */
const MAX_CONFLICTS = 20;
/** How long a ticket that is over stays in the table. */
const TICKET_KEPT_SECONDS = 86_400;

const MINUTE = 60_000;
/** How long a counter stays when its minute is over: clocks of containers may differ. */
const COUNTER_KEPT_SECONDS = 3_600;

const VERSION = { '#version': 'version' };
const UNLESS_ANOTHERS = 'attribute_not_exists(pk) OR uploadId = :mine';

const owned = z.object({ uploadId: z.string() });
const held = z.object({ uploadId: z.string(), mark: z.string() });
const keyItem = z.object({
  uploadId: z.string(),
  fingerprint: z.string(),
  /** Seconds since the epoch; keys of old have none. */
  expiresAt: z.int().optional(),
});
type KeyBinding = Pick<z.infer<typeof keyItem>, 'uploadId' | 'fingerprint'>;

const ticketItem = z.object({
  version: z.int(),
  owner: z.string(),
  /** Who that is, for people. */
  uploadedBy: z.string().optional(),
  projectId: z.string(),
  issueId: z.string(),
  maxFileBytes: z.int(),
  /** Uploads that may be begun with it, and that have been. */
  maxUploads: z.int(),
  begun: z.int(),
  /** Milliseconds since the epoch. */
  until: z.int(),
});

/** What a bearer of an Uppy ticket may do, and until when. */
export type Ticket = z.infer<typeof ticketItem>;

/** `find` reads an upload's record; `retentionMs` is how long that stays when all is done. */
export function createClaims({
  table: { read, putUnless, add },
  clock,
  find,
  retentionMs,
}: {
  table: Table;
  clock: Clock;
  find: (id: string) => Promise<Upload | undefined>;
  retentionMs: number;
}) {
  /** For what two uploads could get wrong without it: it outlives the record of every upload that is under way now. */
  const outliving = () => ({ expiresAt: toSeconds(clock.now() + 2 * retentionMs) });

  /** Claims an attachment for an upload; answers with the upload that has it, which may be another. */
  async function claimAttachment(attachmentId: string, uploadId: string): Promise<string> {
    const pk = attachmentKey(attachmentId);
    const taken = await putUnless(
      pk,
      { uploadId, ...outliving() },
      { condition: UNLESS_ANOTHERS, values: { ':mine': uploadId } },
    );
    return taken === undefined ? uploadId : owned.parse(taken).uploadId;
  }

  /** Which of these attachments have been claimed, and by which upload. */
  async function findClaims(attachmentIds: string[]): Promise<Map<string, string>> {
    const items = await Promise.all(
      attachmentIds.map(async (id) => [id, await read(attachmentKey(id))] as const),
    );
    return new Map(items.flatMap(([id, item]) => (item ? [[id, owned.parse(item).uploadId]] : [])));
  }

  /**
   * Takes the work item for uploads of one size; false while another upload occupies it. Each taking leaves a new
   * mark: who found the holder idle takes over only what has not been taken again meanwhile.
   */
  async function takeWorkItem(upload: Upload): Promise<boolean> {
    const pk = workItemKey(upload);
    const take = (seen?: string): Promise<Item | undefined> =>
      putUnless(
        pk,
        { uploadId: upload.id, mark: clock.uuid(), ...outliving() },
        {
          condition: `${UNLESS_ANOTHERS} OR mark = :seen`,
          values: { ':mine': upload.id, ':seen': seen ?? '' },
        },
      );
    let taken = await take();
    for (let tries = 0; taken !== undefined && tries < MAX_CONFLICTS; tries += 1) {
      const { uploadId, mark } = held.parse(taken);
      const holder = await find(uploadId);
      if (holder !== undefined && occupiesWorkItem(holder, clock.now())) return false;
      taken = await take(mark);
    }
    return taken === undefined;
  }

  /** The upload that took the work item last for files of this size; it occupies it only while its state says so. */
  async function findHolder(upload: Upload): Promise<string | undefined> {
    const item = await read(workItemKey(upload));
    return item && held.parse(item).uploadId;
  }

  /** A small shared state by name; undefined when nobody has written it yet. */
  async function readState(name: string): Promise<Item | undefined> {
    return read(`state#${name}`);
  }

  /** Writes a shared state if it still has the version that was read (0 for none); false when somebody was faster. */
  async function writeState(name: string, version: number, value: Item): Promise<boolean> {
    return writeVersion(`state#${name}`, version, value);
  }

  /** Adds to the numbers of a shared state that is over at a moment (milliseconds). */
  async function addToState(name: string, numbers: Record<string, number>, until: number): Promise<void> {
    await add(`state#${name}`, { numbers, values: { expiresAt: toSeconds(until) } });
  }

  /** What an owner's idempotency key is bound to; nothing once it is over, which is before its upload's record goes. */
  async function findKey(owner: string, key: string): Promise<KeyBinding | undefined> {
    const item = await read(ownerKey(owner, key));
    const bound = item && keyItem.parse(item);
    const isOver = bound?.expiresAt !== undefined && bound.expiresAt <= toSeconds(clock.now());
    return isOver ? undefined : bound && bindingOf(bound);
  }

  /** Binds an owner's key to an upload, or takes it over from `instead`; answers with what it is bound to then, which may be another's. */
  async function bindKey(
    owner: string,
    key: string,
    { uploadId, fingerprint, instead }: KeyBinding & { instead?: string | undefined },
  ): Promise<KeyBinding> {
    const now = clock.now();
    const taken = await putUnless(
      ownerKey(owner, key),
      { uploadId, fingerprint, expiresAt: toSeconds(now + retentionMs) },
      {
        // DynamoDB takes its time to remove what is over.
        condition: `${UNLESS_ANOTHERS} OR uploadId = :instead OR expiresAt <= :now`,
        values: { ':mine': uploadId, ':instead': instead ?? uploadId, ':now': toSeconds(now) },
      },
    );
    return taken === undefined ? { uploadId, fingerprint } : bindingOf(keyItem.parse(taken));
  }

  /**
   * Adds to counters of this minute, each of which begins at 0; false, and nothing is counted, when one of them would
   * come to more than it may. Holds for calls at the same moment.
   */
  async function countInMinute(
    of: string,
    counters: Record<string, { add: number; upTo: number }>,
  ): Promise<boolean> {
    const minute = Math.floor(clock.now() / MINUTE);
    const rows = Object.entries(counters);
    const counted = await add(
      `quota#${of}#${minute}`,
      {
        numbers: Object.fromEntries(rows.map(([name, row]) => [name, row.add])),
        values: { expiresAt: toSeconds((minute + 1) * MINUTE) + COUNTER_KEPT_SECONDS },
      },
      {
        condition: rows
          .map(([name]) => `(attribute_not_exists(${name}) OR ${name} <= :${name}Before)`)
          .join(' AND '),
        values: Object.fromEntries(rows.map(([name, row]) => [`:${name}Before`, row.upTo - row.add])),
      },
    );
    return counted !== undefined;
  }

  /** Keeps a new ticket under its hash. */
  async function addTicket(hash: string, ticket: Omit<Ticket, 'version'>): Promise<void> {
    await writeVersion(ticketKey(hash), 0, withTimeToLive(ticket));
  }

  /** The ticket with this hash; undefined when there is none, or no more. */
  async function findTicket(hash: string): Promise<Ticket | undefined> {
    const item = await read(ticketKey(hash));
    return item && ticketItem.parse(item);
  }

  /** Counts one more upload on a ticket; false when it has begun as many as it may. */
  async function useTicket(hash: string): Promise<boolean> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const item = await read(ticketKey(hash));
      const ticket = item && ticketItem.parse(item);
      if (ticket === undefined || ticket.begun >= ticket.maxUploads) return false;
      // What a newer version keeps there stays.
      const next = withTimeToLive({ ...item, ...ticket, begun: ticket.begun + 1 });
      if (await writeVersion(ticketKey(hash), ticket.version, next)) return true;
    }
    throw new AppError('unavailable', 'too many writers on one ticket');
  }

  /**
   * Ends a ticket and takes out of it whose it was; false when it is not this owner's. It is written, not deleted: who is
   * about to use it finds another version then.
   */
  async function endTicket(hash: string, owner: string): Promise<boolean> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const item = await read(ticketKey(hash));
      const ticket = item && ticketItem.parse(item);
      if (ticket?.owner !== owner) return false;
      const { version, projectId, issueId, maxFileBytes, maxUploads, until } = ticket;
      const over = Math.min(until, clock.now());
      const ended = {
        owner: 'erased',
        projectId,
        issueId,
        maxFileBytes,
        maxUploads,
        begun: maxUploads,
        until: over,
      };
      if (await writeVersion(ticketKey(hash), version, withTimeToLive(ended))) return true;
    }
    throw new AppError('unavailable', 'too many writers on one ticket');
  }

  async function writeVersion(pk: string, version: number, value: Item): Promise<boolean> {
    const taken = await putUnless(
      pk,
      { ...value, version: version + 1 },
      {
        condition: 'attribute_not_exists(pk) OR #version = :version',
        names: VERSION,
        values: { ':version': version },
      },
    );
    return taken === undefined;
  }

  return {
    claimAttachment,
    findClaims,
    takeWorkItem,
    findHolder,
    readState,
    writeState,
    addToState,
    findKey,
    bindKey,
    countInMinute,
    addTicket,
    findTicket,
    useTicket,
    endTicket,
  };
}

const attachmentKey = (id: string): string => `attachment#${id}`;
const workItemKey = ({ projectId, issueId, size }: Upload): string =>
  `work-item#${projectId}#${issueId}#${size}`;
export const ticketKey = (hash: string): string => `ticket#${hash}`;

function ownerKey(owner: string, key: string): string {
  return `key#${createHash('sha256').update(`${owner}\n${key}`).digest('hex')}`;
}

const bindingOf = ({ uploadId, fingerprint }: KeyBinding): KeyBinding => ({ uploadId, fingerprint });

/** As DynamoDB's time to live has it: seconds since the epoch. */
export function toSeconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** DynamoDB removes it when it has long been over. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html */
function withTimeToLive<T extends { until: number }>(ticket: T): T & { expiresAt: number } {
  return { ...ticket, expiresAt: toSeconds(ticket.until) + TICKET_KEPT_SECONDS };
}
