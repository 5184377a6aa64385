/** A process that runs the range of schedules that it gets as JSON, and sends their results. */
import { z } from 'zod';
import { playRange } from './simulation.ts';

const range = z.object({ seed: z.number(), from: z.number(), to: z.number() });

process.send?.(await playRange(range.parse(JSON.parse(process.argv[2] ?? ''))));
