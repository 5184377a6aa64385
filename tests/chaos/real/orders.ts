/** Orders to a child and its reports: the messages between victims.ts and victim.ts. */
import { z } from 'zod';
import { INGEST_STEPS, JOINED, LINK_STEPS, REMOVAL_STEPS, STEPS } from './seams.ts';

const doom = z.object({
  at: z.union([z.enum([...STEPS, ...LINK_STEPS, ...REMOVAL_STEPS, ...INGEST_STEPS, JOINED]), z.int()]),
  /** The process dies by SIGKILL, or stands still until it is resumed. */
  act: z.enum(['die', 'stop']),
  /** How many of them must reach the place: the last one triggers `act`, the others wait there. */
  times: z.int().positive().default(1),
});

/**
 * Messages of deliveries to handle, uploads to complete and messages of ingestion to handle at the same time, and the
 * planned fault.
 */
export const orderSchema = z.object({
  bodies: z.array(z.string()).default([]),
  completes: z.array(z.object({ owner: z.string(), id: z.string() })).default([]),
  offers: z.array(z.object({ id: z.string(), body: z.string() })).default([]),
  auth: z.enum(['token', 'aksk']),
  /** Whether a connection that stands still is given up soon: for runs in which IPD stands still on purpose. */
  isIdleCut: z.boolean().default(false),
  doom: doom.optional(),
});

export const reportSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('failed'), error: z.string() }),
  /** `unfinished`: the number of files that IPD has received only in part. */
  z.object({ kind: z.literal('stopped'), unfinished: z.int() }),
]);

export type Doom = z.input<typeof doom>;
export type Order = z.input<typeof orderSchema>;
export type Report = z.infer<typeof reportSchema>;
