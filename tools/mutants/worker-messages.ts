/** The messages between a worker and its pool: what to play, and what came of it. */
import { z } from 'zod';

export const taskSchema = z.object({
  kind: z.enum(['test', 'simulation']),
  /** A test file; of the simulation, a name for people. */
  what: z.string(),
  mutant: z.object({ file: z.string(), text: z.string() }).optional(),
  /** The tests of the file to play, by their names; all of them without it. */
  only: z.array(z.string()).optional(),
  /** Whether the answer tells which places of the product were reached. */
  isCovering: z.boolean(),
  seed: z.number(),
  /** The numbers of the seed's schedules to play. */
  schedules: z.array(z.number()),
  /** The small worlds to walk, with every single fault, before them. */
  worlds: z.array(z.string()),
});

export type Task = z.infer<typeof taskSchema>;

/** Where the code of each file was reached: pairs of a first and a last character. */
const placesSchema = z.record(z.string(), z.array(z.tuple([z.number(), z.number()])));

/** By the name of the test; by an empty name what was reached outside of tests. */
export const reachedSchema = z.record(z.string(), placesSchema);

export type Places = z.infer<typeof placesSchema>;
export type Reached = z.infer<typeof reachedSchema>;

export const answerSchema = z.object({
  /** What failed; undefined when all was well. */
  failure: z.string().optional(),
  /** The name of the test that failed. */
  test: z.string().optional(),
  ms: z.number(),
  rss: z.number(),
  reached: reachedSchema.optional(),
});

export type Answer = z.infer<typeof answerSchema>;
