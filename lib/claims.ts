/**
 * What uploads compete for, and what else the ledger keeps beside them: attachments, work items, idempotency keys,
 * Uppy's tickets and small shared states. Each is one item that a conditional write gives to one of them.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Clock } from './clock.ts';
import { AppError } from './errors.ts';
import type { Item, Table } from './table.ts';
import { occupiesWorkItem } from './upload.ts';
import type { Upload } from './upload.ts';

/** Writers that meet on one item: beyond this many in a row something is broken. */
const MAX_CONFLICTS = 20;
/** How long a ticket that is over stays in the table. */
const TICKET_KEPT_SECONDS = 86_400;

const VERSION = { '#version': 'version' };
const UNLESS_ANOTHERS = 'attribute_not_exists(pk) OR uploadId = :mine';

const owned = z.object({ uploadId: z.string() });
const held = z.object({ uploadId: z.string(), mark: z.string() });
const keyItem = z.object({ uploadId: z.string(), fingerprint: z.string() });
type KeyBinding = z.infer<typeof keyItem>;

const ticketItem = z.object({
  version: z.int(),
  owner: z.string(),
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

/** `find` reads an upload's record. */
export function createClaims({
  table: { read, putUnless },
  clock,
  find,
}: {
  table: Table;
  clock: Clock;
  find: (id: string) => Promise<Upload | undefined>;
}) {
  /** Claims an attachment for an upload; answers with the upload that has it, which may be another. */
  async function claimAttachment(attachmentId: string, uploadId: string): Promise<string> {
    const pk = attachmentKey(attachmentId);
    const taken = await putUnless(
      pk,
      { uploadId },
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
    const pk = `work-item#${upload.issueId}#${upload.size}`;
    const take = (seen?: string): Promise<Item | undefined> =>
      putUnless(
        pk,
        { uploadId: upload.id, mark: clock.uuid() },
        {
          condition: `${UNLESS_ANOTHERS} OR mark = :seen`,
          values: { ':mine': upload.id, ':seen': seen ?? '' },
        },
      );
    let taken = await take();
    for (let tries = 0; taken !== undefined && tries < MAX_CONFLICTS; tries += 1) {
      const { uploadId, mark } = held.parse(taken);
      const holder = await find(uploadId);
      if (holder !== undefined && occupiesWorkItem(holder)) return false;
      taken = await take(mark);
    }
    return taken === undefined;
  }

  /** A small shared state by name; undefined when nobody has written it yet. */
  async function readState(name: string): Promise<Item | undefined> {
    return read(`state#${name}`);
  }

  /** Writes a shared state if it still has the version that was read (0 for none); false when somebody was faster. */
  async function writeState(name: string, version: number, value: Item): Promise<boolean> {
    return writeVersion(`state#${name}`, version, value);
  }

  /** What an owner's idempotency key is bound to. */
  async function findKey(owner: string, key: string): Promise<KeyBinding | undefined> {
    const item = await read(ownerKey(owner, key));
    return item && keyItem.parse(item);
  }

  /** Binds an owner's key to an upload, or takes it over from `instead`; answers with what it is bound to then, which may be another's. */
  async function bindKey(
    owner: string,
    key: string,
    { uploadId, fingerprint, instead }: KeyBinding & { instead?: string | undefined },
  ): Promise<KeyBinding> {
    const taken = await putUnless(
      ownerKey(owner, key),
      { uploadId, fingerprint },
      {
        condition: `${UNLESS_ANOTHERS} OR uploadId = :instead`,
        values: { ':mine': uploadId, ':instead': instead ?? uploadId },
      },
    );
    return taken === undefined ? { uploadId, fingerprint } : keyItem.parse(taken);
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
      const ticket = await findTicket(hash);
      if (ticket === undefined || ticket.begun >= ticket.maxUploads) return false;
      const next = withTimeToLive({ ...ticket, begun: ticket.begun + 1 });
      if (await writeVersion(ticketKey(hash), ticket.version, next)) return true;
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
    readState,
    writeState,
    findKey,
    bindKey,
    addTicket,
    findTicket,
    useTicket,
  };
}

const attachmentKey = (id: string): string => `attachment#${id}`;
const ticketKey = (hash: string): string => `ticket#${hash}`;

function ownerKey(owner: string, key: string): string {
  return `key#${createHash('sha256').update(`${owner}\n${key}`).digest('hex')}`;
}

/** DynamoDB removes it when it has long been over. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html */
function withTimeToLive<T extends { until: number }>(ticket: T): T & { expiresAt: number } {
  return { ...ticket, expiresAt: Math.ceil(ticket.until / 1000) + TICKET_KEPT_SECONDS };
}
