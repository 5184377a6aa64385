/** Uppy's tickets, each under its hash: what its bearer may do, how much of it is used, and until when. */
import * as z from 'zod';
import { AppError } from '../domain/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { MAX_CONFLICTS } from './ownership.ts';
import type { Table } from './table.ts';
import { toSeconds } from './time-to-live.ts';
import { createVersionedWrite } from './versions.ts';

export type Tickets = ReturnType<typeof createTickets>;

/** How long a ticket that is over stays in the table. */
const TICKET_KEPT_SECONDS = 86_400;

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

export function createTickets({ table, clock }: { table: Table; clock: Clock }) {
  const { read } = table;
  const writeVersion = createVersionedWrite(table);

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
      const next = withTimeToLive({ ...item, until: ticket.until, begun: ticket.begun + 1 });
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

  return { addTicket, findTicket, useTicket, endTicket };
}

export const ticketKey = (hash: string): string => `ticket#${hash}`;

/** DynamoDB removes it when it has long been over. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html */
function withTimeToLive<T extends { until: number }>(ticket: T): T & { expiresAt: number } {
  return { ...ticket, expiresAt: toSeconds(ticket.until) + TICKET_KEPT_SECONDS };
}
