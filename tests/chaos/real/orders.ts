/** What a child is told to do and what it tells in return: the words between victims.ts and victim.ts. */
import { z } from 'zod';
import { JOINED, STEPS } from './seams.ts';

const doom = z.object({
  at: z.union([z.enum([...STEPS, JOINED]), z.int()]),
  /** Dies by SIGKILL, or stands still as a whole until it is woken. */
  act: z.enum(['die', 'stop']),
  /** How many of the deliveries must have come so far: the last one does it, the others stand still until then. */
  times: z.int().positive().default(1),
});

/** Queue messages to be handled and uploads to be completed at once, and what is to happen meanwhile. */
export const orderSchema = z.object({
  bodies: z.array(z.string()).default([]),
  completes: z.array(z.object({ owner: z.string(), id: z.string() })).default([]),
  auth: z.enum(['token', 'aksk']),
  doom: doom.optional(),
});

export const reportSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('failed'), error: z.string() }),
  /** `unfinished`: files of which IPD waits for the rest. */
  z.object({ kind: z.literal('stopped'), unfinished: z.int() }),
]);

export type Doom = z.input<typeof doom>;
export type Order = z.input<typeof orderSchema>;
export type Report = z.infer<typeof reportSchema>;
