/**
 * The ticket with which Uppy may upload, kept over a reload: only the ticket that began a multipart upload may go on
 * with it. It is valid for one user and one work item until it expires.
 */
import * as z from 'zod';
import type { Session } from './api.ts';
import { MINUTE_MS } from '../../lib/domain/units.ts';

export type Ticket = z.infer<typeof ticketSchema>;

const ticketSchema = z.object({
  companionEndpoint: z.string(),
  renewAt: z.number(),
  target: z.object({ user: z.string(), project: z.string(), issue: z.string() }),
  /** The files for which it was requested, by Uppy's ids: it allows no larger files and not many more. */
  files: z.array(z.string()),
});

/** No upload starts in the last minutes of a ticket: this long, or a tenth of its life, so that it can still end. */
const MARGIN_MS = 5 * MINUTE_MS;

export function toTicket(session: Session, order: Pick<Ticket, 'target' | 'files'>): Ticket {
  const { companionEndpoint, expiresInSeconds } = session;
  const life = expiresInSeconds * 1000;
  return { ...order, companionEndpoint, renewAt: Date.now() + life - Math.min(MARGIN_MS, life / 10) };
}

/** Whether an upload of these files to this target may begin with this ticket. */
export function isUsable(ticket: Ticket, order: Pick<Ticket, 'target' | 'files'>): boolean {
  const { user, project, issue } = ticket.target;
  const { target, files } = order;
  const isSame = user === target.user && project === target.project && issue === target.issue;
  return isSame && Date.now() < ticket.renewAt && files.every((id) => ticket.files.includes(id));
}

/** Keeps one ticket under a name. */
export function createTicketStore(name: string) {
  const key = `ipd-bridge:ticket:${name}`;
  return {
    read(): Ticket | undefined {
      const text = localStorage.getItem(key);
      if (text === null) return undefined;
      try {
        return ticketSchema.parse(JSON.parse(text));
      } catch {
        return undefined;
      }
    },
    write(ticket: Ticket): void {
      localStorage.setItem(key, JSON.stringify(ticket));
    },
  };
}
