/** All that the ledger keeps, over one table: tests read several parts of it at once. */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createAttachments } from '../../lib/ledger/attachments.ts';
import { createCounters } from '../../lib/ledger/counters.ts';
import { createIdempotencyKeys } from '../../lib/ledger/idempotency-keys.ts';
import { createSharedState } from '../../lib/ledger/shared-state.ts';
import { createTable } from '../../lib/ledger/table.ts';
import { createTickets } from '../../lib/ledger/tickets.ts';
import { createLedger } from '../../lib/ledger/uploads.ts';
import type { Ledger } from '../../lib/ledger/uploads.ts';
import { createWorkItems } from '../../lib/ledger/work-items.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import type { Services } from '../../lib/services.ts';

const RETENTION_MS = 400 * 86_400_000;

/** A ledger of a table by name. */
export function createWholeLedger({
  client,
  table: name,
  clock,
  retentionMs = RETENTION_MS,
  onWritten,
}: {
  client: DynamoDBDocumentClient;
  table: string;
  clock: Clock;
  retentionMs?: number;
} & Pick<Parameters<typeof createLedger>[0], 'onWritten'>) {
  const table = createTable({ client, table: name, clock });
  const ledger: Ledger = createLedger({ table, clock, retentionMs, ...(onWritten && { onWritten }) });
  return {
    ...ledger,
    ...createAttachments({ table, clock, retentionMs }),
    ...createWorkItems({ table, clock, retentionMs, find: ledger.find }),
    ...createIdempotencyKeys({ table, clock, retentionMs }),
    ...createTickets({ table, clock }),
    ...createCounters({ table, clock }),
    ...createSharedState({ table }),
  };
}

/** The same parts of services that there are already. */
export function wholeLedgerOf(services: Services) {
  const { ledger, attachments, workItems, idempotencyKeys, tickets, counters, sharedState } = services;
  return {
    ...ledger,
    ...attachments,
    ...workItems,
    ...idempotencyKeys,
    ...tickets,
    ...counters,
    ...sharedState,
  };
}
